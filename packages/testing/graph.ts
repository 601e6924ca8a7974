/** Runs graphs on onnxruntime in the test's own thread: a worker a session takes too long. */
import assert from "node:assert/strict";
import { dirname, sep } from "node:path";
import { encodeModel, type Graph } from "@decorum/onnx";
import { arrayOf, type DType, elementCount, type Tensor, tensor } from "@decorum/tensor";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";

export type Feeds = Readonly<Record<string, Tensor>>;

/** A graph, with the files of its weights where it has any; these lie in one folder. */
export interface RunnableGraph {
  readonly graph: Graph;
  readonly files?: ReadonlyMap<string, string>;
}

/** Runs a graph on the CPU, once for each of the feeds. */
export function runAll(
  model: RunnableGraph,
  ...feeds: readonly Feeds[]
): Promise<Record<string, Tensor>[]> {
  return runSession(model, feeds, {});
}

/** Runs a graph on the CPU. */
export async function run(
  model: RunnableGraph,
  feeds: Feeds,
  options: InferenceSession.SessionOptions = {},
): Promise<Record<string, Tensor>> {
  return (await runSession(model, [feeds], options))[0]!;
}

async function runSession(
  { graph, files = new Map() }: RunnableGraph,
  feeds: readonly Feeds[],
  options: InferenceSession.SessionOptions,
): Promise<Record<string, Tensor>[]> {
  const [file] = files.values();
  const folder = file === undefined ? {} : {
    extra: { "session.model_external_initializers_file_folder_path": dirname(file) + sep },
  };
  const session = await InferenceSession.create(encodeModel(graph), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    ...folder,
    ...options,
  });
  try {
    const results: Record<string, Tensor>[] = [];
    for (const feed of feeds) {
      const given = Object.entries(feed).map(([name, { dtype, dims, data }]) =>
        [name, new OrtTensor(dtype as "float32", data as Float32Array, dims)] as const
      );
      const found = await session.run(Object.fromEntries(given));
      results.push(Object.fromEntries(
        Object.entries(found).map(([name, value]) => [name, fromOrt(value)]),
      ));
    }
    return results;
  } finally {
    await session.release();
  }
}

function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  const dtype = type as DType;
  const { buffer, byteOffset } = data as Float32Array<ArrayBuffer>;
  const elements = new arrayOf[dtype](buffer, byteOffset, elementCount(dims));
  return tensor(dtype, dims, elements as Float32Array<ArrayBuffer>);
}

/** The elements of a float tensor. */
export function floats(value: Tensor | undefined): number[] {
  assert.equal(value?.dtype, "float32");
  return [...(value as Tensor<"float32">).data];
}

/** The elements of any tensor as numbers. */
export function numbers(value: Tensor | undefined): number[] {
  return Array.from(value!.data as ArrayLike<number | bigint>, Number);
}

/** Demands that numbers are finite and differ by at most `tolerance`. */
export function assertClose(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what = "",
): void {
  assert.equal(found.length, expected.length, what);
  for (const [i, x] of found.entries()) {
    assert.ok(
      Math.abs(x - expected[i]!) <= tolerance,
      `${what} element ${i}: ${x}, expected ${expected[i]} within ${tolerance}`,
    );
  }
}

/** The largest difference of two lists of one length. */
export function difference(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
}
