/** Runs graphs of models on onnxruntime for tests, in their own thread: a worker a session takes too long. */
import assert from "node:assert/strict";
import { dirname, sep } from "node:path";
import { encodeModel } from "@decorum/onnx";
import { type DType, type Tensor, tensor } from "@decorum/tensor";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { ModelGraph } from "../mod.ts";

export type Feeds = Readonly<Record<string, Tensor>>;

/** Runs a graph on the CPU, once for each of the feeds; its weights lie in one folder. */
export async function runAll({ graph, files }: ModelGraph, ...feeds: readonly Feeds[]) {
  const [file] = files.values();
  const folder = file === undefined ? {} : {
    extra: { "session.model_external_initializers_file_folder_path": dirname(file) + sep },
  };
  const options = { intraOpNumThreads: 1, logSeverityLevel: 3, ...folder } as const;
  const session = await InferenceSession.create(encodeModel(graph), options);
  try {
    const results: Record<string, Tensor>[] = [];
    for (const feed of feeds) {
      results.push(fromOrt(
        await session.run(Object.fromEntries(
          Object.entries(feed).map(([name, { dtype, dims, data }]) =>
            [name, new OrtTensor(dtype as "float32", data as Float32Array, dims)] as const
          ),
        )),
      ));
    }
    return results;
  } finally {
    await session.release();
  }
}

function fromOrt(results: InferenceSession.ReturnType): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(results).map((
      [name, { type, dims, data }],
    ) => [name, tensor(type as DType, dims, data as Float32Array<ArrayBuffer>)]),
  );
}

/** Runs a graph on the CPU. */
export async function run(model: ModelGraph, feeds: Feeds): Promise<Record<string, Tensor>> {
  return (await runAll(model, feeds))[0]!;
}

/** The elements of a float tensor. */
export function floats(value: Tensor | undefined): number[] {
  assert.equal(value?.dtype, "float32");
  return [...(value as Tensor<"float32">).data];
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
