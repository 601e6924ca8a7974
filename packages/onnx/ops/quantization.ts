import { elementTypeOf, type Value } from "../graph.ts";
import type { OpSchema } from "../schemas.ts";
import { emit, emitAll } from "./emit.ts";
import { inferMatMulShape } from "./linalg.ts";
import { expectDtype, expectFloat, inputType, intAttribute, misfit, schema } from "./infer.ts";

const attributes = {
  axis: "int",
  block_size: "int",
  output_dtype: "int",
} as const;

export const quantizationSchemas: readonly OpSchema[] = [
  schema({
    opType: "DynamicQuantizeLinear",
    sinceVersion: 11,
    inputs: 1,
    outputs: 3,
    infer(context) {
      expectDtype(context, 0, "float32");
      return [
        { dtype: "uint8", shape: inputType(context, 0).shape },
        { dtype: "float32", shape: [] },
        { dtype: "uint8", shape: [] },
      ];
    },
  }),
  schema({
    opType: "MatMulInteger",
    sinceVersion: 10,
    inputs: [2, 4],
    infer(context) {
      for (const i of [0, 1]) expectDtype(context, i, "uint8", "int8");
      for (const i of [0, 1]) {
        const zero = context.inputs[i + 2];
        if (zero && zero.dtype !== inputType(context, i).dtype) {
          throw misfit(context, `the zero point (input ${i + 2}) must have the type of input ${i}`);
        }
      }
      return { dtype: "int32", shape: inferMatMulShape(context) };
    },
  }),
  schema({
    opType: "QuantizeLinear",
    sinceVersion: 24,
    inputs: [2, 3],
    attributes: { ...attributes, saturate: "int", precision: "int" },
    infer(context) {
      const code = intAttribute(context, "output_dtype", 0);
      const dtype = context.inputs[2]?.dtype ?? (code === 0 ? "uint8" : elementTypeOf(code));
      if (!dtype) throw misfit(context, `output_dtype ${code} is no known element type`);
      return { dtype, shape: inputType(context, 0).shape };
    },
  }),
  schema({
    opType: "DequantizeLinear",
    sinceVersion: 24,
    inputs: [2, 3],
    attributes,
    infer(context) {
      expectDtype(context, 0, "uint8", "int8", "int32");
      expectFloat(context, 1);
      return { dtype: inputType(context, 1).dtype, shape: inputType(context, 0).shape };
    },
  }),
];

/** 8-bit form of float32 `x` with one scale and zero point for all of it. */
export function dynamicQuantizeLinear(
  x: Value,
): { quantized: Value; scale: Value; zeroPoint: Value } {
  const [quantized, scale, zeroPoint] = emitAll("DynamicQuantizeLinear", [x], {}, { outputs: 3 });
  return { quantized: quantized!, scale: scale!, zeroPoint: zeroPoint! };
}

/** Matrix product of 8-bit values in int32, each less its zero point (a scalar, or one for each row of A or column of B). */
export function matMulInteger(a: Value, b: Value, aZeroPoint?: Value, bZeroPoint?: Value): Value {
  return emit("MatMulInteger", [a, b, aZeroPoint, bZeroPoint]);
}

/** `round(x / scale) + zeroPoint` in the zero point's type (uint8 without one); a vector scale runs along `axis`. */
export function quantizeLinear(x: Value, scale: Value, zeroPoint?: Value, axis = 1): Value {
  return emit("QuantizeLinear", [x, scale, zeroPoint], { axis });
}

/** `(x - zeroPoint) * scale`; a vector scale runs along `axis`. */
export function dequantizeLinear(x: Value, scale: Value, zeroPoint?: Value, axis = 1): Value {
  return emit("DequantizeLinear", [x, scale, zeroPoint], { axis });
}
