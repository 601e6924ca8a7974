import {
  bfloat16ArrayToFloat32,
  float16ArrayToFloat32,
  float32ArrayToBfloat16,
  float32ArrayToFloat16,
  float32ToBfloat16,
  float32ToFloat16,
} from "./half.ts";
import {
  arrayOf,
  type DType,
  type DTypeArrays,
  InputError,
  isFloat,
  type Tensor,
  tensor,
} from "./tensor.ts";

const integerRange = {
  int8: [-128n, 127n],
  uint8: [0n, 255n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

/**
 * The tensor with its elements converted to `dtype`; the same object when it has that type already.
 *
 * To a float: nearest, ties to even, overflow to infinity (int64 beyond 2^53 goes through float64).
 * To an integer: truncation toward zero. To bool: 1 for everything but zero.
 *
 * @throws InputError when an element is NaN, infinite or outside the range of an integer `dtype`.
 */
export function castTensor<D extends DType>(source: Tensor, dtype: D): Tensor<D> {
  if (source.dtype === dtype) return source as Tensor<D>;
  return tensor(dtype, source.dims, castData(source, dtype) as DTypeArrays[D]);
}

function castData(source: Tensor, dtype: DType): DTypeArrays[DType] {
  const { data } = widen(source);
  if (dtype === "bool") return Uint8Array.from(data, (v: number | bigint) => v == 0 ? 0 : 1);
  if (!isFloat(dtype)) return toInteger(source.dtype, data, dtype as keyof typeof integerRange);
  if (data instanceof Float32Array && dtype === "float16") return float32ArrayToFloat16(data);
  if (data instanceof Float32Array && dtype === "bfloat16") return float32ArrayToBfloat16(data);
  if (data instanceof Float32Array && dtype === "float32") return data;
  const convert = dtype === "float16"
    ? float32ToFloat16
    : dtype === "bfloat16"
    ? float32ToBfloat16
    : (value: number) => value;
  const out = new arrayOf[dtype](data.length) as Exclude<DTypeArrays[DType], BigInt64Array>;
  for (let i = 0; i < data.length; i++) out[i] = convert(Number(data[i]!));
  return out;
}

/** The tensor with half-precision bits widened to float32; other types as they are. */
function widen(source: Tensor): Tensor {
  if (source.dtype === "float16") {
    return tensor("float32", source.dims, float16ArrayToFloat32(source.data as Uint16Array));
  }
  if (source.dtype === "bfloat16") {
    return tensor("float32", source.dims, bfloat16ArrayToFloat32(source.data as Uint16Array));
  }
  return source;
}

function toInteger(
  from: DType,
  data: DTypeArrays[DType],
  dtype: keyof typeof integerRange,
): DTypeArrays[DType] {
  const [low, high] = integerRange[dtype];
  const out = new arrayOf[dtype](data.length);
  for (let i = 0; i < data.length; i++) {
    const element = data[i]!;
    const value = typeof element === "number" ? Math.trunc(element) : element;
    if (!(value >= low && value <= high)) {
      throw new InputError(
        `Cannot cast a ${from} tensor to ${dtype}: element ${i} is ${element}, expected ${low} to ${high}`,
      );
    }
    out[i] = out instanceof BigInt64Array ? BigInt(value) : Number(value);
  }
  return out;
}

/** What a model computes in: the one option at the edges (files, flags, services). */
export type Precision = "fp32" | "fp16" | "bf16";

/** Element types that matrix products run in. */
export type ComputeType = Extract<DType, "float32" | "float16" | "bfloat16">;

const computeTypes: Readonly<Record<Precision, ComputeType>> = {
  fp32: "float32",
  fp16: "float16",
  bf16: "bfloat16",
};

/** The element type that a precision's matrix products run in. */
export function computeTypeOf(precision: Precision): ComputeType {
  return computeTypes[precision];
}
