import assert from "node:assert/strict";
import {
  bytesPerElement,
  type DType,
  float32,
  InputError,
  int64,
  type Tensor,
  zeros,
} from "@decorum/tensor";
import { StatusError } from "./errors.ts";
import { MAX_CHUNK_BYTES, tensorChunks, TensorReader, tensorSpecs } from "./tensor_stream.ts";
import type { Chunk__Output } from "./gen/decorum/learner/v1/Chunk.ts";
import type { TensorSpec__Output } from "./gen/decorum/learner/v1/TensorSpec.ts";

const specsOf = (tensors: ReadonlyMap<string, Tensor>) =>
  tensorSpecs(tensors) as TensorSpec__Output[];
const chunksOf = (tensors: ReadonlyMap<string, Tensor>) =>
  [...tensorChunks(tensors)] as Chunk__Output[];
const refused = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof StatusError && error.code === code && message.test(error.message);

Deno.test("tensors of every type, empty ones and large ones, come through as they were", () => {
  const large = new Float32Array(MAX_CHUNK_BYTES / 4 * 2.5).map((_, i) => i);
  const tensors = new Map<string, Tensor>([
    ["a", float32([2], [1.5, -0])],
    ["none", float32([0, 3], [])],
    ["scalar", int64([], [2 ** 40])],
    ["large", { dtype: "float32", dims: [large.length], data: large }],
    ["flags", { dtype: "bool", dims: [3], data: new Uint8Array([1, 0, 1]) }],
    ...(["float64", "float16", "bfloat16", "int8", "uint8", "int32"] as DType[])
      .map((dtype) => [dtype, zeros(dtype, [2, 1])] as const),
  ]);
  const chunks = chunksOf(tensors);
  assert.ok(chunks.every(({ data }) => data.length <= MAX_CHUNK_BYTES));
  const reader = new TensorReader("a test", specsOf(tensors), 2 ** 30);
  for (const chunk of chunks) reader.write(chunk);
  assert.deepEqual(reader.finish(), tensors);
  assert.equal(bytesPerElement("bool"), 1);
});

Deno.test("bytes that are missing, changed, too many or out of order are refused", () => {
  const tensors = new Map([["a", zeros("float32", [MAX_CHUNK_BYTES])]]);
  const [first, second] = chunksOf(tensors);
  const reader = new TensorReader("a test", specsOf(tensors), 2 ** 30);
  assert.throws(() => reader.write(second!), refused("OUT_OF_RANGE", /0 of 4194304 bytes/));
  assert.throws(() => reader.write({ ...first!, crc32: 1 }), refused("DATA_LOSS", /CRC-32/));
  reader.write(first!);
  assert.throws(() => reader.finish(), refused("DATA_LOSS", /1048576 of 4194304 bytes/));
  const dtype = "TENSOR_DTYPE_UNSPECIFIED";
  const other: TensorSpec__Output = { name: "a", dtype, dims: [1] };
  assert.throws(() => new TensorReader("a test", [other], 10), InputError);
  assert.throws(() => new TensorReader("a test", specsOf(tensors), 10), /expected at most 10/);
  const twice = [...specsOf(tensors), ...specsOf(tensors)];
  assert.throws(() => new TensorReader("a test", twice, 2 ** 30), /comes twice/);
});
