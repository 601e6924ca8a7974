import { encodeModel } from "@decorum/onnx";
import { type LoraConfig, loraScaling, type ModelGraph } from "@decorum/models";
import {
  accumulate,
  emptyAccumulation,
  type GradientAccumulation,
  meanGradients,
  type Params,
} from "@decorum/optim";
import {
  createSession,
  type InferenceSession,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import { float32, InputError, type Tensor } from "@decorum/tensor";
import { type DropoutRow, type LayeredModel, loraDropoutMasks } from "./lora_dropout.ts";
import { microBatches, sharedMicroBatches } from "./micro_batches.ts";
import { checkParams, type LearnerState, withoutValueHead } from "./learner_state.ts";
import {
  applyUpdate,
  initTrainState,
  type OptimizerOptions,
  type UpdateOutcome,
} from "./optimizer.ts";

export type Feeds = Readonly<Record<string, Tensor>>;

/** Outputs of one run by name. */
export type RunOutputs = Readonly<Record<string, Tensor>>;

/** Examples that one run takes together. */
export interface MicroBatch<Prediction> {
  readonly feeds: Feeds;
  /** What the graph's scalar outputs are means over: tokens, sequences, pairs. */
  readonly count: number;
  /** What the outputs say of each example, in order. */
  read(outputs: RunOutputs): readonly Prediction[];
}

/**
 * What a session learns: a model, its two graphs, and how examples become runs.
 *
 * `Sample` is what is learned from, `Input` what a forward pass takes of it, `Prediction` what the model says of it.
 */
export interface LearningTask<Sample, Input = Sample, Prediction = unknown> {
  /** The trained parameters as training starts, by the name of their graph input. */
  readonly params: Params;
  /** What the frozen reference has in the place of these; undefined where it is the base without adapter. */
  readonly reference: Params | undefined;
  /** The adapter that is trained; undefined where all weights are. */
  readonly lora: LoraConfig | undefined;
  /** The linear layers, which an adapter may change. */
  readonly model: LayeredModel;
  /** The model as it is. */
  readonly forward: ModelGraph;
  /** The scalar `loss`, and `<parameter>_grad` for each of `params`. Other scalars are means as the loss is. */
  readonly update: ModelGraph;
  /** Rows of the batch that an example makes, for dropout. @param index its place in the mini-batch */
  dropoutRows?(input: Input, index: number): readonly DropoutRow[];
  inputOf(sample: Sample): Input;
  /** Tokens of each part that is padded by itself; one without any tokens is in no run. */
  lengths(input: Input): readonly number[];
  /** What several inputs have in common, first of `lengths`: they share it in one run. By default nothing. */
  shared?(input: Input): string;
  /** What is predicted of an input that is in no run. */
  readonly nothing: Prediction;
  /** @param temperature that logits are divided by */
  batch(inputs: readonly Input[], temperature: number): MicroBatch<Prediction>;
  /** What the update is fed besides batch and parameters. */
  targets?(samples: readonly Sample[], context: TargetContext<Sample>): Feeds;
  /** @throws InputError naming what does not fit of sample `index` */
  check?(sample: Sample, index: number): void;
}

export interface TargetContext<Sample> {
  /** Samples of the whole mini-batch. */
  readonly all: readonly Sample[];
  /** The policy still is its reference, bit for bit. */
  readonly atReference: boolean;
}

export interface SessionOptions {
  readonly optimizer: OptimizerOptions;
  /** Examples in one run; default 4. It changes memory, not results (within rounding). */
  readonly microBatchSize?: number;
  /** Of a new adapter and of dropout; default 0. */
  readonly seed?: number;
  /** Execution provider, precision, threads. */
  readonly runtime?: RuntimeOptions;
}

/** How a pass runs. */
export interface PassOptions {
  /** Logits are divided by it; default 1. */
  readonly temperature?: number;
}

/** What one run of the update gives: gradients of its mean loss. It may be computed anywhere. */
export interface ShardGradients<Prediction> {
  readonly gradients: Params;
  readonly count: number;
  /** The graph's scalar outputs, `loss` among them. */
  readonly means: Readonly<Record<string, number>>;
  readonly predictions: readonly Prediction[];
}

/** Gradients of a mini-batch, however it was cut, and its mean loss. */
export interface MiniBatchGradients {
  readonly accumulation: GradientAccumulation;
  readonly loss: number;
}

/** What a pass over examples says of them. */
export interface Evaluation<Prediction> {
  /** What the means are over. */
  readonly count: number;
  /** The graph's scalar outputs. */
  readonly means: Readonly<Record<string, number>>;
  /** In the order of the examples. */
  readonly predictions: readonly Prediction[];
}

/** Gradients of a mini-batch, and what was predicted at the parameters that they were taken at. */
export interface Gradients<Prediction> extends MiniBatchGradients, Evaluation<Prediction> {}

/** The two graphs of a task, opened: onnxruntime computes all of a graph whatever is fetched. */
export interface LearningSessions {
  readonly worker: SessionWorker;
  readonly forward: InferenceSession;
  readonly update: InferenceSession;
}

/**
 * A model that learns: forward passes and updates in one worker thread over one mapped copy of the frozen weights,
 * and a state that only `apply` and `restore` change.
 */
export class LearningSession<Sample, Input = Sample, Prediction = unknown>
  implements AsyncDisposable {
  #state: LearnerState;

  constructor(
    readonly task: LearningTask<Sample, Input, Prediction>,
    readonly options: SessionOptions,
    readonly sessions: LearningSessions,
  ) {
    this.#state = { train: initTrainState(task.params), reference: task.reference };
  }

  /** The trained parameters as they are now. */
  get params(): Params {
    return this.#state.train.params;
  }

  /** Those of them that are the model's own: not the value head's. */
  get adapter(): Params {
    return withoutValueHead(this.params);
  }

  /** `v_head.summary.{weight,bias}` as they are now; undefined where there is no value head. */
  get valueHead(): Params | undefined {
    const head = new Map([...this.params].filter(([name]) => isValueHead(name)));
    return head.size > 0 ? head : undefined;
  }

  /** Updates tried: applied and skipped. */
  get steps(): number {
    const { updates, skipped } = this.#state.train;
    return updates + skipped;
  }

  /** True while the model is, bit for bit, what the reference is: untrained, or the frozen start. */
  get isReference(): boolean {
    return this.isReferenceAt(this.params);
  }

  /** As {@link isReference}, of other parameters than those of now. */
  isReferenceAt(parameters: Params): boolean {
    const { reference } = this.#state;
    return [...this.adapter.keys()].every((name) => {
      const { data } = parameters.get(name)!;
      const start = reference?.get(name)?.data;
      if (start) return data.every((x, i) => x === start[i]);
      // Without a start adapter the reference is the base, which B = 0 is whatever A is.
      return name.endsWith(".lora_A.weight") || data.every((x) => x === 0);
    });
  }

  /**
   * What the model says of each input, in their order; no dropout.
   *
   * @param options.reference under the frozen reference
   * @param options.parameters under these instead of those of now
   */
  async forward(
    inputs: readonly Input[],
    options: PassOptions & { readonly reference?: boolean; readonly parameters?: Params } = {},
  ): Promise<readonly Prediction[]> {
    const weights = options.reference ? this.#referenceFeeds() : this.#feeds(options.parameters);
    return (await this.#pass(inputs, weights, options)).predictions;
  }

  /** The forward graph's scalars, and predictions; no dropout. @throws InputError when nothing counts */
  async evaluate(samples: readonly Sample[]): Promise<Evaluation<Prediction>> {
    const evaluation = await this.#pass(samples.map(this.task.inputOf), this.#feeds(), {});
    if (evaluation.count > 0) return evaluation;
    throw new InputError(`Cannot evaluate on ${samples.length} examples: nothing in them counts`);
  }

  /**
   * Gradients of the loss over all samples at the parameters as they are now. Changes nothing.
   *
   * The mini-batch is cut into shards by lengths alone, and their gradients are added in the shards' order: who
   * computes one, and when, does not show in the result.
   */
  async gradients(
    samples: readonly Sample[],
    options: PassOptions = {},
  ): Promise<Gradients<Prediction>> {
    samples.forEach((sample, i) => this.task.check?.(sample, i));
    const shards = this.shards(samples.map(this.task.inputOf));
    let accumulation = emptyAccumulation;
    const sum = new Summary(samples.length, this.task.nothing);
    for (const shard of shards) {
      const found = await this.shardGradients(samples, shard, options);
      accumulation = accumulate(accumulation, found.gradients, found.count);
      sum.add(shard, found);
    }
    const evaluation = sum.result();
    return { ...evaluation, accumulation, loss: evaluation.means["loss"] ?? NaN };
  }

  /** How a mini-batch is cut: the examples of each run, by their place in it. */
  shards(inputs: readonly Input[]): number[][] {
    const { lengths, shared } = this.task;
    const size = this.options.microBatchSize ?? 4;
    return shared
      ? sharedMicroBatches(inputs.map(lengths), inputs.map(shared), size)
      : microBatches(inputs.map(lengths), size);
  }

  /** One run of the update. @param shard as {@link shards} gives it */
  async shardGradients(
    samples: readonly Sample[],
    shard: readonly number[],
    { temperature = 1 }: PassOptions = {},
  ): Promise<ShardGradients<Prediction>> {
    const { task } = this;
    const chosen = shard.map((i) => samples[i]!);
    const inputs = chosen.map(task.inputOf);
    const batch = task.batch(inputs, temperature);
    const outputs = await this.sessions.update.run({
      ...batch.feeds,
      ...this.#feeds(),
      ...this.#dropoutMasks(inputs, shard),
      ...task.targets?.(chosen, { all: samples, atReference: this.isReference }),
    });
    const gradient = (name: string) => outputs[`${name}_grad`] as Tensor<"float32">;
    return {
      gradients: new Map([...this.params.keys()].map((name) => [name, gradient(name)])),
      count: batch.count,
      means: scalarsOf(outputs),
      predictions: batch.read(outputs),
    };
  }

  /**
   * One optimizer step. A loss or gradient that is not finite changes nothing but a counter.
   *
   * @param options.valueHeadOnly leaves the adapter as it is: the value head's warm-up
   * @throws InputError when the gradients are of 0 tokens
   */
  apply(
    { accumulation, loss }: MiniBatchGradients,
    options: { readonly valueHeadOnly?: boolean } = {},
  ): UpdateOutcome {
    const all = meanGradients(accumulation);
    const grads = options.valueHeadOnly
      ? new Map([...all].filter(([name]) => isValueHead(name)))
      : all;
    const { state, outcome } = applyUpdate(
      this.#state.train,
      grads,
      loss,
      this.options.optimizer,
    );
    this.#state = { ...this.#state, train: state };
    return outcome;
  }

  /** `gradients`, then `apply`: one mini-batch. */
  async update(
    samples: readonly Sample[],
    options: PassOptions & { readonly valueHeadOnly?: boolean } = {},
  ): Promise<Gradients<Prediction> & UpdateOutcome> {
    const gradients = await this.gradients(samples, options);
    return { ...gradients, ...this.apply(gradients, options) };
  }

  /** The state now. Tensors are never changed in place: what is handed out stays as it is. */
  state(): LearnerState {
    return this.#state;
  }

  /** Goes on from a state. @throws InputError when it is of another model or adapter. */
  restore(state: LearnerState): void {
    checkParams(state.train.params, this.params, "learner's state");
    if (state.reference) checkParams(state.reference, this.adapter, "state's reference");
    this.#state = state;
  }

  /** Frees sessions and thread. */
  async release(): Promise<void> {
    await this.sessions.forward.release();
    await this.sessions.update.release();
    this.sessions.worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #pass(
    inputs: readonly Input[],
    weights: Feeds,
    { temperature = 1 }: PassOptions,
  ): Promise<Evaluation<Prediction>> {
    const sum = new Summary(inputs.length, this.task.nothing);
    for (const shard of this.shards(inputs)) {
      const batch = this.task.batch(shard.map((i) => inputs[i]!), temperature);
      const outputs = await this.sessions.forward.run({ ...batch.feeds, ...weights });
      sum.add(shard, {
        count: batch.count,
        means: scalarsOf(outputs),
        predictions: batch.read(outputs),
      });
    }
    return sum.result();
  }

  #feeds(parameters: Params = this.params): Feeds {
    const { lora } = this.task;
    const scale = lora && { lora_scale: float32([], [loraScaling(lora)]) };
    return { ...Object.fromEntries(parameters), ...scale };
  }

  #referenceFeeds(): Feeds {
    const { reference } = this.#state;
    if (reference) return { ...this.#feeds(), ...Object.fromEntries(reference) };
    return { ...this.#feeds(), lora_scale: float32([], [0]) };
  }

  #dropoutMasks(inputs: readonly Input[], shard: readonly number[]): Feeds {
    const { lora, model, dropoutRows } = this.task;
    if (!lora || lora.loraDropout === 0 || !dropoutRows) return {};
    const rows = inputs.flatMap((input, i) => dropoutRows(input, shard[i]!));
    const draw = { seed: this.options.seed ?? 0, step: this.steps };
    return loraDropoutMasks(lora, model, rows, draw);
  }
}

/** Opens a task's graphs in a worker of their own. */
export async function openSessions(
  { forward, update }: Pick<LearningTask<unknown>, "forward" | "update">,
  runtime: RuntimeOptions = {},
): Promise<LearningSessions> {
  const worker = new SessionWorker();
  try {
    return {
      worker,
      forward: await openSession(forward, runtime, worker),
      update: await openSession(update, runtime, worker, { prepack: true }),
    };
  } catch (error) {
    worker.terminate();
    throw error;
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

const isValueHead = (name: string) => name.startsWith("v_head.");

/** The scalar float outputs of a run: means over what its batch counts. */
function scalarsOf(outputs: RunOutputs): Record<string, number> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, { dims, data }]) =>
      dims.length === 0 && !name.endsWith("_grad") ? [[name, Number(data[0])]] : []
    ),
  );
}

/** Adds up what the runs of a pass say. */
class Summary<Prediction> {
  #count = 0;
  readonly #sums = new Map<string, number>();
  readonly #predictions: Prediction[];

  constructor(examples: number, nothing: Prediction) {
    this.#predictions = Array<Prediction>(examples).fill(nothing);
  }

  add(
    shard: readonly number[],
    { count, means, predictions }: Evaluation<Prediction>,
  ): void {
    this.#count += count;
    for (const [name, mean] of Object.entries(means)) {
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + mean * count);
    }
    shard.forEach((index, i) => (this.#predictions[index] = predictions[i]!));
  }

  result(): Evaluation<Prediction> {
    return {
      count: this.#count,
      means: Object.fromEntries([...this.#sums].map(([name, sum]) => [name, sum / this.#count])),
      predictions: this.#predictions,
    };
  }
}
