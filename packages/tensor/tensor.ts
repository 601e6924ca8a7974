import { InputError } from "./input_error.ts";
import { arrayOf, type DType, type DTypeArrays } from "./dtype.ts";

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
