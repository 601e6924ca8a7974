import { encodeModel } from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import type { Params } from "@decorum/optim";
import {
  createSession,
  type InferenceSession,
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
    { forward, update }: Graphs,
    runtime: RuntimeOptions = {},
  ): Promise<LocalRunner> {
    return await LocalRunner.load({ forward: source(forward), update: source(update) }, runtime);
  }

  /** As `open`, of graphs that are encoded already. */
  static async load(
    { forward, update }: Readonly<Record<GraphName, GraphSource>>,
    runtime: RuntimeOptions = {},
  ): Promise<LocalRunner> {
    const worker = new SessionWorker();
    try {
      return new LocalRunner(worker, {
        forward: await load(forward, runtime, worker),
        update: await load(update, runtime, worker, { prepack: true }),
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

/** How a session holds its frozen weights. */
export interface WeightStorage {
  /**
   * False: where they lie in the checkpoint's file, one copy for all sessions of a learner. True: onnxruntime's
   * reordered private copies, which make products about 5 % faster (`bench train_step`) and cost their size
   * once for each direction that uses them.
   */
  readonly prepack: boolean;
}

/** An encoded graph, and the files that its external data lies in. */
interface GraphSource {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Path of the file that each location stands for. */
  readonly files: ReadonlyMap<string, string>;
}

/** A graph as onnxruntime and learners take it. */
export function source({ graph, files }: ModelGraph): GraphSource {
  return { name: graph.name, bytes: encodeModel(graph), files };
}

/** A session of a learner: forward passes share the mapped weights, updates are worth copies of their own. */
export function openSession(
  graph: ModelGraph,
  runtime: RuntimeOptions,
  worker?: SessionWorker,
  storage?: WeightStorage,
): Promise<InferenceSession> {
  return load(source(graph), runtime, worker, storage);
}

function load(
  { name, bytes, files }: GraphSource,
  runtime: RuntimeOptions,
  worker?: SessionWorker,
  { prepack }: WeightStorage = { prepack: false },
): Promise<InferenceSession> {
  return createSession(
    { bytes, externalData: Object.fromEntries(files) },
    {
      // A pattern would plan a second buffer beside the one that the first run of a shape has filled.
      enableMemPattern: false,
      ...runtime,
      name,
      sessionConfig: {
        "session.disable_prepacking": prepack ? "0" : "1",
        ...runtime.sessionConfig,
      },
    },
    worker,
  );
}
