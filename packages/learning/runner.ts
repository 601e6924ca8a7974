import type { ModelGraph } from "@decorum/models";
import type { Params } from "@decorum/optim";
import {
  type EncodedGraph,
  type InferenceSession,
  openGraph,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import type { Tensor } from "@decorum/tensor";

export type Feeds = Readonly<Record<string, Tensor>>;

/** Outputs of one run by name. */
export type RunOutputs = Readonly<Record<string, Tensor>>;

/** The two graphs of a task: onnxruntime computes all of a graph whatever is fetched. */
export interface Graphs {
  /** The model as it is. */
  readonly forward: ModelGraph;
  /** The scalar `loss`, and `<parameter>_grad` for each trained parameter. Other scalars are means as the loss is. */
  readonly update: ModelGraph;
}
export type GraphName = keyof Graphs;

/**
 * Runs the two graphs of a task: in this process, or wherever. Who computes a run, and when, must not show in its outputs.
 */
export interface Runner extends AsyncDisposable {
  /**
   * Runs a graph for each of some jobs.
   *
   * @param jobs make the feeds of one run each, but for the weights; called when the run is near, again when it is repeated
   * @param weights the trained parameters. A later map wins over an earlier one. A map is never changed, so that it may be
   * known again
   * @returns outputs in the order of the jobs. Few runs are ahead of who reads
   */
  run(
    graph: GraphName,
    jobs: readonly (() => Feeds)[],
    weights: readonly Params[],
  ): AsyncIterable<RunOutputs>;
}

/** Opens what runs a task's graphs. */
export type OpenRunner = (graphs: Graphs, runtime: RuntimeOptions) => Promise<Runner>;

/** The two graphs in one worker thread, over one mapped copy of the frozen weights. */
export class LocalRunner implements Runner {
  constructor(
    readonly worker: SessionWorker,
    readonly sessions: Readonly<Record<GraphName, InferenceSession>>,
  ) {}

  static async open(
    { forward, update }: Readonly<Record<GraphName, ModelGraph | EncodedGraph>>,
    runtime: RuntimeOptions = {},
  ): Promise<LocalRunner> {
    const worker = new SessionWorker();
    const options = learnerSession(runtime);
    try {
      return new LocalRunner(worker, {
        forward: await openGraph(forward, options, worker),
        // Worth a copy of the weights of its own.
        update: await openGraph(update, { ...options, prepack: true }, worker),
      });
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  async *run(
    graph: GraphName,
    jobs: readonly (() => Feeds)[],
    weights: readonly Params[],
  ): AsyncIterable<RunOutputs> {
    const held = Object.fromEntries(weights.flatMap((params) => [...params]));
    for (const job of jobs) yield await this.sessions[graph].run({ ...job(), ...held });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions.forward.release();
    await this.sessions.update.release();
    this.worker.terminate();
  }
}

/** Options of a session of a learner. */
export function learnerSession(runtime: RuntimeOptions): RuntimeOptions {
  // A pattern would plan a second buffer beside the one that the first run of a shape has filled.
  return { enableMemPattern: false, prepack: false, ...runtime };
}
