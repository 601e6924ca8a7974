import { type DType, InputError, type Tensor } from "./tensor.ts";
import { Buffer } from "node:buffer";
import { replaceFile } from "./replace.ts";
import { safetensorsTypes } from "./safetensors_header.ts";

/** The bytes of a safetensors file with these tensors; the same input gives the same bytes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const chunks = [...safetensorsChunks(pendingTensors(tensors), metadata)];
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Writes a safetensors file whole or not at all (temporary name, flush to disk, rename). */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  replaceFile(path, safetensorsChunks(pendingTensors(tensors), metadata));
}

/** A tensor whose bytes are fetched only when they are written. */
export interface PendingTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Bytes that `bytes()` will return. */
  readonly length: number;
  bytes(): Uint8Array;
}

/**
 * The pieces of a safetensors file in order, one tensor at a time: the layout of the reference
 * implementation (widest type first, then by name; header padded with spaces to 8 bytes).
 */
export function* safetensorsChunks(
  tensors: ReadonlyMap<string, PendingTensor>,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  const typeNames = Object.keys(safetensorsTypes) as (keyof typeof safetensorsTypes)[];
  const typeName = new Map(typeNames.map((name) => [safetensorsTypes[name] as DType, name]));
  const rank = (dtype: DType) => writingOrder.indexOf(dtype);
  const ordered = [...tensors].sort(([a, { dtype: x }], [b, { dtype: y }]) =>
    rank(x) - rank(y) || Buffer.compare(Buffer.from(a), Buffer.from(b))
  );
  const fields: [string, unknown][] = [];
  const labels = Object.entries(metadata).sort(([a], [b]) => a < b ? -1 : 1);
  if (labels.length > 0) fields.push(["__metadata__", Object.fromEntries(labels)]);
  let end = 0;
  for (const [name, { dtype, dims, length }] of ordered) {
    if (name === "__metadata__") {
      throw new InputError(
        'Cannot write a tensor named "__metadata__": the format reserves the name',
      );
    }
    const range = [end, end += length];
    fields.push([name, { dtype: typeName.get(dtype), shape: dims, data_offsets: range }]);
  }
  // Written field by field because an object would move keys that look like integers to the front.
  const text = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = Buffer.from(`{${text.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const head = Buffer.alloc(8 + padded, " ");
  head.writeBigUInt64LE(BigInt(padded));
  json.copy(head, 8);
  yield head;
  for (const [, pending] of ordered) yield pending.bytes();
}

/** The reference implementation's element types from the widest to the narrowest. */
const writingOrder: readonly DType[] = [
  "int64",
  "float64",
  "float32",
  "int32",
  "bfloat16",
  "float16",
  "int8",
  "uint8",
  "bool",
];

function pendingTensors(tensors: ReadonlyMap<string, Tensor>): Map<string, PendingTensor> {
  const pending = new Map<string, PendingTensor>();
  for (const [name, { dtype, dims, data }] of tensors) {
    const bytes = () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    pending.set(name, { dtype, dims, length: data.byteLength, bytes });
  }
  return pending;
}
