import { encodeModel } from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import {
  createSession,
  type InferenceSession,
  type RuntimeOptions,
  type SessionWorker,
} from "@decorum/runtime";

/** How a session holds its frozen weights. */
export interface WeightStorage {
  /**
   * False: where they lie in the checkpoint's file, one copy for all sessions of a learner. True: onnxruntime's
   * reordered private copies, which make products about 5 % faster (`bench train_step`) and cost their size
   * once for each direction that uses them.
   */
  readonly prepack: boolean;
}

/** A session of a learner: forward passes share the mapped weights, updates are worth copies of their own. */
export function openSession(
  { graph, files }: ModelGraph,
  runtime: RuntimeOptions,
  worker?: SessionWorker,
  { prepack }: WeightStorage = { prepack: false },
): Promise<InferenceSession> {
  return createSession(
    { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
    {
      // A pattern would plan a second buffer beside the one that the first run of a shape has filled.
      enableMemPattern: false,
      ...runtime,
      name: graph.name,
      sessionConfig: {
        "session.disable_prepacking": prepack ? "0" : "1",
        ...runtime.sessionConfig,
      },
    },
    worker,
  );
}
