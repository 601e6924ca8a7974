import {
  type DType,
  float32ToBfloat16,
  float32ToFloat16,
  InputError,
  type Tensor,
  tensor,
} from "@decorum/tensor";

/**
 * A tensor of shape `[]` holding `value`.
 *
 * @throws InputError when the type is an integer or boolean type that cannot hold the value.
 */
export function scalarTensor(value: number, dtype: DType): Tensor {
  switch (dtype) {
    case "float32":
      return tensor(dtype, [], Float32Array.of(value));
    case "float64":
      return tensor(dtype, [], Float64Array.of(value));
    case "float16":
      return tensor(dtype, [], Uint16Array.of(float32ToFloat16(Math.fround(value))));
    case "bfloat16":
      return tensor(dtype, [], Uint16Array.of(float32ToBfloat16(Math.fround(value))));
    case "int64":
      requireInteger(value, dtype, -(2 ** 53), 2 ** 53);
      return tensor(dtype, [], BigInt64Array.of(BigInt(value)));
    case "int32":
      requireInteger(value, dtype, -(2 ** 31), 2 ** 31 - 1);
      return tensor(dtype, [], Int32Array.of(value));
    case "int8":
      requireInteger(value, dtype, -128, 127);
      return tensor(dtype, [], Int8Array.of(value));
    case "uint8":
      requireInteger(value, dtype, 0, 255);
      return tensor(dtype, [], Uint8Array.of(value));
    case "bool":
      requireInteger(value, dtype, 0, 1);
      return tensor(dtype, [], Uint8Array.of(value));
  }
}

function requireInteger(value: number, dtype: DType, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new InputError(
    `Cannot make a ${dtype} scalar of ${value}: expected an integer from ${min} to ${max}`,
  );
}

/** Constants up to this size are looked for among the graph's constants before a new one is made. */
const DEDUPLICATED_BYTES = 4096;

/** A key that equal small tensors share; `undefined` for a tensor too large to be worth it. */
export function contentKey(data: Tensor): string | undefined {
  if (data.data.byteLength > DEDUPLICATED_BYTES) return undefined;
  const bytes = new Uint8Array(data.data.buffer, data.data.byteOffset, data.data.byteLength);
  return `${data.dtype}[${data.dims}]${String.fromCharCode(...bytes)}`;
}
