import type { Tensor } from "@decorum/tensor";

/** Constants up to this size are looked for among the graph's constants before a new one is made. */
const DEDUPLICATED_BYTES = 4096;

/** A key that equal small tensors share; `undefined` for a tensor too large to be worth it. */
export function contentKey(data: Tensor): string | undefined {
  if (data.data.byteLength > DEDUPLICATED_BYTES) return undefined;
  const bytes = new Uint8Array(data.data.buffer, data.data.byteOffset, data.data.byteLength);
  return `${data.dtype}[${data.dims}]${String.fromCharCode(...bytes)}`;
}
