import type { Tensor } from "@decorum/tensor";
import { encodeModel } from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import { createSession } from "@decorum/runtime";

/** Runs a graph once on the CPU. */
export async function runGraph(
  { graph, files }: ModelGraph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  await using session = await createSession(
    { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
    { name: graph.name },
  );
  return await session.run(feeds);
}
