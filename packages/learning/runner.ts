import type { ModelGraph } from "@decorum/models";
import type { Params } from "@decorum/optim";
import {
  type EncodedGraph,
  type InferenceSession,
  openGraph,
  type RunOptions,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import { InputError, type Tensor } from "@decorum/tensor";

export type Feeds = Readonly<Record<string, Tensor>>;

/** Outputs of one run by name. */
export type RunOutputs = Readonly<Record<string, Tensor>>;

/** The two graphs of a task: onnxruntime computes all of a graph whatever is fetched. */
export interface Graphs {
  /** The model as it is. */
  readonly forward: ModelGraph;
  /** The scalar `loss`, and `<parameter>_grad` for each trained parameter. Other scalars are means as the loss is. */
  readonly update: ModelGraph;
  /** Model and reference side by side, where a task compares more of them than log-probabilities. */
  readonly compare?: ModelGraph;
}
export type GraphName = keyof Graphs;

/** A value for each graph that there is. */
export type PerGraph<T> =
  & Readonly<Record<"forward" | "update", T>>
  & { readonly compare?: T };

/**
 * Runs the two graphs of a task: in this process, or wherever. Who computes a run, and when, must not show in its outputs.
 */
export interface Runner extends AsyncDisposable {
  /**
   * Runs a graph for each of some jobs.
   *
   * @param jobs make the feeds of one run each, but for the weights; called when the run is near, again when it is repeated
   * @param weights the trained parameters; what a graph does not take of them is left out. A later map wins over an earlier
   * one. A map is never changed, so that it may be known again
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

/** The graphs of a task in one worker thread, over one mapped copy of the frozen weights. */
export class LocalRunner implements Runner {
  constructor(
    readonly worker: SessionWorker,
    readonly sessions: PerGraph<InferenceSession>,
  ) {}

  static async open(
    { forward, update, compare }: PerGraph<ModelGraph | EncodedGraph>,
    runtime: RuntimeOptions = {},
  ): Promise<LocalRunner> {
    const worker = new SessionWorker();
    const options = learnerSession(runtime);
    try {
      return new LocalRunner(worker, {
        forward: await openGraph(forward, options, worker),
        // Worth a copy of the weights of its own.
        update: await openGraph(update, { ...options, prepack: true }, worker),
        ...(compare ? { compare: await openGraph(compare, options, worker) } : {}),
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
    for (const job of jobs) yield await this.runOne(graph, job(), weights);
  }

  /** One run. @throws InputError for feeds or weights that the graph does not take, or when there is no such graph */
  async runOne(
    graph: GraphName,
    feeds: Feeds,
    weights: readonly ReadonlyMap<string, Tensor>[],
    options?: RunOptions,
  ): Promise<RunOutputs> {
    const session = this.sessions[graph];
    if (!session) throw new InputError(`Cannot run graph "${graph}": this task has none`);
    const taken = new Set(session.inputs.map(({ name }) => name));
    const held = weights.flatMap((tensors) => [...tensors].filter(([name]) => taken.has(name)));
    return await session.run({ ...feeds, ...Object.fromEntries(held) }, undefined, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of Object.values(this.sessions)) await session.release();
    this.worker.terminate();
  }
}

/** Options of a session of a learner. */
export function learnerSession(runtime: RuntimeOptions): RuntimeOptions {
  // A pattern would plan a second buffer beside the one that the first run of a shape has filled.
  return { enableMemPattern: false, prepack: false, ...runtime };
}
