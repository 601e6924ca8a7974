import { encodeModel } from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import {
  createSession,
  type InferenceSession,
  type RuntimeOptions,
  type SessionWorker,
} from "@decorum/runtime";

/**
 * A session over weights where they lie in the checkpoint's file: the sessions of a learner share one copy.
 * Its products have enough rows not to need onnxruntime's reordered private copies.
 */
export function openSession(
  { graph, files }: ModelGraph,
  runtime: RuntimeOptions,
  worker?: SessionWorker,
): Promise<InferenceSession> {
  return createSession(
    { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
    {
      ...runtime,
      name: graph.name,
      sessionConfig: { "session.disable_prepacking": "1", ...runtime.sessionConfig },
    },
    worker,
  );
}
