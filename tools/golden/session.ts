import type { Tensor } from "@decorum/tensor";
import { encodeModel } from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import { createSession, type RuntimeOptions } from "@decorum/runtime";

/** Runs a graph once. */
export async function runGraph(
  { graph, files }: ModelGraph,
  feeds: Readonly<Record<string, Tensor>>,
  runtime: RuntimeOptions,
): Promise<Record<string, Tensor>> {
  await using session = await createSession(
    { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
    { ...runtime, name: graph.name },
  );
  return await session.run(feeds);
}
