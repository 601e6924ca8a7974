import { elementCount } from "./tensor.ts";

/** Whether `strides` (in elements) are those of a dense row-major array of shape `dims`. */
export function isContiguous(dims: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    // The stride of a dimension of size 1 is never used.
    if (dims[d] !== 1 && strides[d] !== expected) return false;
    expected *= dims[d]!;
  }
  return true;
}

/** The element that the last index of a non-empty strided array refers to. */
export function lastElement(dims: readonly number[], strides: readonly number[]): number {
  return dims.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 0);
}

/** The elements (of `width` bytes: 1, 2, 4 or 8) of a strided array in row-major order. */
export function gather(
  source: Uint8Array<ArrayBuffer>,
  width: number,
  dims: readonly number[],
  strides: readonly number[],
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(elementCount(dims) * width);
  if (width === 8) {
    copy(new BigUint64Array(source.buffer), new BigUint64Array(out.buffer), dims, strides);
  } else {
    const Words = width === 4 ? Uint32Array : width === 2 ? Uint16Array : Uint8Array;
    copy<number>(new Words(source.buffer), new Words(out.buffer), dims, strides);
  }
  return out;
}

function copy<T extends number | bigint>(
  source: ArrayLike<T>,
  out: { [index: number]: T; readonly length: number },
  dims: readonly number[],
  strides: readonly number[],
): void {
  const last = dims.length - 1;
  const rowLength = dims[last] ?? 1;
  const step = strides[last] ?? 1;
  const index = new Array<number>(Math.max(last, 0)).fill(0);
  let row = 0;
  for (let at = 0; at < out.length;) {
    for (let i = 0; i < rowLength; i++) out[at++] = source[row + i * step]!;
    for (let d = last - 1; d >= 0; d--) {
      row += strides[d]!;
      index[d]!++;
      if (index[d]! < dims[d]!) break;
      row -= dims[d]! * strides[d]!;
      index[d] = 0;
    }
  }
}
