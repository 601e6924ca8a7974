import type { Dim, Value, ValueType } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { emit } from "./emit.ts";
import {
  broadcastShapes,
  expectFloat,
  inputType,
  intAttribute,
  misfit,
  normalAxis,
  schema,
  sharedDtype,
} from "./infer.ts";
import { sameShape } from "../dims.ts";

function softmaxType(context: InferContext): ValueType {
  const type = inputType(context, 0);
  expectFloat(context, 0);
  normalAxis(context, intAttribute(context, "axis", -1), type.shape.length);
  return type;
}

/** The axis from which on elements are normalised together; scale and bias must broadcast to what follows it. */
function normalizedFrom(context: InferContext): number {
  const { shape } = inputType(context, 0);
  expectFloat(context, 0);
  sharedDtype(context);
  const axis = normalAxis(context, intAttribute(context, "axis", -1), shape.length);
  const normalized = shape.slice(axis);
  for (const parameter of context.inputs.slice(1)) {
    if (
      parameter && !sameShape(broadcastShapes(context, normalized, parameter.shape), normalized)
    ) {
      throw misfit(context, `scale and bias must broadcast to the dimensions from axis ${axis} on`);
    }
  }
  return axis;
}

const softmaxAttributes = { axis: "int" } as const;

export const normalizationSchemas: readonly OpSchema[] = [
  schema({
    opType: "Softmax",
    sinceVersion: 13,
    inputs: 1,
    attributes: softmaxAttributes,
    infer: softmaxType,
  }),
  schema({
    opType: "LogSoftmax",
    sinceVersion: 13,
    inputs: 1,
    attributes: softmaxAttributes,
    infer: softmaxType,
  }),
  schema({
    opType: "LayerNormalization",
    sinceVersion: 17,
    inputs: [2, 3],
    outputs: [1, 3],
    attributes: { axis: "int", epsilon: "float", stash_type: "int" },
    infer(context) {
      const axis = normalizedFrom(context);
      const type = inputType(context, 0);
      const shape = type.shape.map((dim, i): Dim => (i < axis ? dim : 1));
      // stash_type 1 keeps the statistics in float32 whatever the element type; no other value is in use.
      const statistics: ValueType = { dtype: "float32", shape };
      return [type, statistics, statistics];
    },
  }),
  schema({
    opType: "RMSNormalization",
    sinceVersion: 23,
    inputs: 2,
    attributes: { axis: "int", epsilon: "float", stash_type: "int" },
    infer(context) {
      normalizedFrom(context);
      return inputType(context, 0);
    },
  }),
];

/** `exp(x) / sum(exp(x))` along an axis. */
export const softmax = (x: Value, axis = -1): Value => emit("Softmax", [x], { axis });
/** Logarithm of the softmax along an axis. */
export const logSoftmax = (x: Value, axis = -1): Value => emit("LogSoftmax", [x], { axis });

interface NormalizationOptions {
  /** First of the axes that are normalised together; default -1. */
  readonly axis?: number;
  /** Added to the variance or mean square; default 1e-5. */
  readonly epsilon?: number;
}

/** `(x - mean) / sqrt(variance + epsilon) * scale + bias` (Ba et al. 2016, arXiv:1607.06450). */
export function layerNormalization(
  x: Value,
  scale: Value,
  bias?: Value,
  options: NormalizationOptions = {},
): Value {
  return emit("LayerNormalization", [x, scale, bias], {
    axis: options.axis ?? -1,
    epsilon: options.epsilon ?? 1e-5,
  });
}

/** `x / sqrt(mean(x^2) + epsilon) * scale` (Zhang and Sennrich 2019, arXiv:1910.07467; T5's layer norm). */
export function rmsNormalization(
  x: Value,
  scale: Value,
  options: NormalizationOptions = {},
): Value {
  return emit("RMSNormalization", [x, scale], {
    axis: options.axis ?? -1,
    epsilon: options.epsilon ?? 1e-5,
  });
}
