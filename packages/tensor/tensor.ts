/**
 * The caller is wrong: a value, a file or a setting that cannot be used as it is. The message says what was
 * tried, on what, what was expected and what to do, and is meant for the caller's eyes.
 *
 * Every other error is a fault of this program or of the machine it runs on; services hide those from their
 * callers. Nothing tells errors apart by their text.
 */
export class InputError extends Error {
  override readonly name: string = "InputError";
}

/** Element types a tensor can have, under ONNX's lower-case names. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "uint8"
  | "int32"
  | "int64"
  | "bool";

/** Host storage of each element type: half-precision floats as their bits, booleans as 0 or 1. */
export interface DTypeArrays {
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
  float16: Uint16Array<ArrayBuffer>;
  bfloat16: Uint16Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
}

/** The typed-array constructor that stores each element type. */
export const arrayOf = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return arrayOf[dtype].BYTES_PER_ELEMENT;
}

/** True for the types that can carry a gradient. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

/** A dense row-major array in host memory; `data.length` is the product of `dims`. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly data: DTypeArrays[D];
}

/** Number of elements of a shape; 1 for a scalar's empty shape. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

/**
 * A tensor over `data`, which is taken as it is (no copy).
 *
 * @throws InputError when `data` does not have one element per position of `dims`.
 */
export function tensor<D extends DType>(
  dtype: D,
  dims: readonly number[],
  data: DTypeArrays[D],
): Tensor<D> {
  const expected = elementCount(dims);
  if (data.length !== expected) {
    throw new InputError(
      `Cannot make a ${dtype} tensor of shape [${dims}] from ${data.length} elements: expected ${expected}`,
    );
  }
  return { dtype, dims, data };
}

/** A tensor of zeros. */
export function zeros<D extends DType>(dtype: D, dims: readonly number[]): Tensor<D> {
  return { dtype, dims, data: new arrayOf[dtype](elementCount(dims)) as DTypeArrays[D] };
}

/** A float32 tensor from plain numbers. */
export function float32(dims: readonly number[], values: Iterable<number>): Tensor<"float32"> {
  return tensor("float32", dims, Float32Array.from(values));
}

/** An int64 tensor from plain integers. */
export function int64(dims: readonly number[], values: Iterable<number>): Tensor<"int64"> {
  return tensor("int64", dims, BigInt64Array.from(values, (v) => BigInt(v)));
}

/** Bits that a NaN or an infinity has all of, and a finite number has not. */
const exponents = { float32: 0x7f800000, float16: 0x7c00, bfloat16: 0x7f80 } as const;

/** The place of the first element that is NaN or infinite; undefined where all are finite. */
export function firstNonFinite({ dtype, data }: Tensor): number | undefined {
  let found = -1;
  if (dtype === "float64") found = (data as Float64Array).findIndex((x) => !Number.isFinite(x));
  else if (dtype === "float32" || dtype === "float16" || dtype === "bfloat16") {
    const { buffer, byteOffset, length } = data;
    const bits = dtype === "float32"
      ? new Uint32Array(buffer, byteOffset, length)
      : new Uint16Array(buffer, byteOffset, length);
    const exponent = exponents[dtype];
    for (let i = 0; i < length && found < 0; i++) {
      if ((bits[i]! & exponent) === exponent) found = i;
    }
  }
  return found < 0 ? undefined : found;
}
