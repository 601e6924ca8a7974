import { setImmediate } from "node:timers/promises";
import { type LoraConfig, loraScaling } from "@decorum/models";
import {
  accumulating,
  emptyAccumulation,
  type GradientAccumulation,
  meanGradients,
  type Params,
} from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
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
import {
  type Feeds,
  type GraphName,
  type Graphs,
  LocalRunner,
  type OpenRunner,
  type Runner,
  type RunOutputs,
} from "./runner.ts";

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
export interface LearningTask<Sample, Input = Sample, Prediction = unknown> extends Graphs {
  /** The trained parameters as training starts, by the name of their graph input. */
  readonly params: Params;
  /** What the frozen reference has in the place of these; undefined where it is the base without adapter. */
  readonly reference: Params | undefined;
  /** The adapter that is trained; undefined where all weights are. */
  readonly lora: LoraConfig | undefined;
  /** The linear layers, which an adapter may change. */
  readonly model: LayeredModel;
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
  /** Puts what the reference says of it into a sample that is learned from against the reference. */
  withReference?(sample: Sample, prediction: Prediction): Sample;
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
  /** Where the graphs run; by default in a worker thread of this process. */
  readonly openRunner?: OpenRunner;
}

/** How a pass runs. */
interface PassOptions {
  /** Logits are divided by it; default 1. */
  readonly temperature?: number;
}

/** Gradients of a mini-batch, however it was cut, and its mean loss. */
interface MiniBatchGradients {
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

/** Milliseconds of adding gradients after which others of the process get their turn. */
const TURN_MS = 8;

/**
 * A model that learns: forward passes and updates on whatever runs the two graphs, and a state that only `apply` and
 * `restore` change.
 */
export class LearningSession<Sample, Input = Sample, Prediction = unknown>
  implements AsyncDisposable {
  #state: LearnerState;

  constructor(
    readonly task: LearningTask<Sample, Input, Prediction>,
    readonly options: SessionOptions,
    readonly runner: Runner,
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
    const weights = options.reference ? this.#reference : this.#weights(options.parameters);
    return (await this.#pass("forward", inputs, { ...options, weights })).predictions;
  }

  /** The forward graph's scalars, and predictions; no dropout. @throws InputError when nothing counts */
  async evaluate(samples: readonly Sample[]): Promise<Evaluation<Prediction>> {
    const compared = await this.#compared(samples, {});
    const evaluation = await this.#pass("forward", compared.map(this.task.inputOf), {
      weights: this.#weights(),
    });
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
    given: readonly Sample[],
    { temperature = 1 }: PassOptions = {},
  ): Promise<Gradients<Prediction>> {
    const { task, params } = this;
    const samples = await this.#compared(given, { temperature });
    samples.forEach((sample, i) => task.check?.(sample, i));
    const inputs = samples.map(task.inputOf);
    const context = { all: samples, atReference: this.isReference };
    let accumulation = emptyAccumulation;
    const evaluation = await this.#pass("update", inputs, {
      temperature,
      weights: this.#weights(),
      targets: (shard) => ({
        ...this.#dropoutMasks(shard.map((i) => inputs[i]!), shard),
        ...task.targets?.(shard.map((i) => samples[i]!), context),
      }),
      add: async (outputs, count) => {
        const gradient = (name: string) => outputs[`${name}_grad`] as Tensor<"float32">;
        const gradients = new Map([...params.keys()].map((name) => [name, gradient(name)]));
        accumulation = await inTurns(accumulating(accumulation, gradients, count));
      },
    });
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

  /**
   * One optimizer step. A loss or gradient that is not finite changes nothing but a counter.
   *
   * @param options.valueHeadOnly leaves the adapter as it is: the value head's warm-up
   * @param options.scheduleAt what the learning rate's schedule is asked for; by default the updates so far
   * @throws InputError when the gradients are of 0 tokens
   */
  apply(
    { accumulation, loss }: MiniBatchGradients,
    options: { readonly valueHeadOnly?: boolean; readonly scheduleAt?: number } = {},
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
      options.scheduleAt,
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

  /** Frees what runs the graphs. */
  async release(): Promise<void> {
    await this.runner[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Samples with what the reference says of them, where the task learns against it. */
  async #compared(samples: readonly Sample[], options: PassOptions): Promise<readonly Sample[]> {
    const { task } = this;
    if (!task.withReference) return samples;
    const inputs = samples.map((sample) => task.inputOf(sample));
    const predictions = await this.forward(inputs, { ...options, reference: true });
    return samples.map((sample, i) => task.withReference!(sample, predictions[i]!));
  }

  async #pass(
    graph: GraphName,
    inputs: readonly Input[],
    { temperature = 1, weights, targets, add }: Pass,
  ): Promise<Evaluation<Prediction>> {
    const { task } = this;
    const shards = this.shards(inputs);
    const batches = shards.map((shard) => task.batch(shard.map((i) => inputs[i]!), temperature));
    const jobs = batches.map(({ feeds }, at) => () => ({
      ...feeds,
      ...weights.scale,
      ...targets?.(shards[at]!),
    }));
    const sum = new Summary(inputs.length, task.nothing);
    let at = 0;
    for await (const outputs of this.runner.run(graph, jobs, weights.params)) {
      const { count, read } = batches[at]!;
      await add?.(outputs, count);
      sum.add(shards[at++]!, { count, means: scalarsOf(outputs), predictions: read(outputs) });
    }
    return sum.result();
  }

  #weights(parameters: Params = this.params): Weights {
    const { lora } = this.task;
    return {
      params: [parameters],
      scale: lora ? { lora_scale: float32([], [loraScaling(lora)]) } : {},
    };
  }

  get #reference(): Weights {
    const { reference } = this.#state;
    const now = this.#weights();
    if (reference) return { ...now, params: [...now.params, reference] };
    return { ...now, scale: { lora_scale: float32([], [0]) } };
  }

  #dropoutMasks(inputs: readonly Input[], shard: readonly number[]): Feeds {
    const { lora, model, dropoutRows } = this.task;
    if (!lora || lora.loraDropout === 0 || !dropoutRows) return {};
    const rows = inputs.flatMap((input, i) => dropoutRows(input, shard[i]!));
    const draw = { seed: this.options.seed ?? 0, step: this.steps };
    return loraDropoutMasks(lora, model, rows, draw);
  }
}

/** Opens what runs a task's graphs. */
export function openRunner(
  task: Graphs,
  { openRunner, runtime = {} }: Pick<SessionOptions, "openRunner" | "runtime">,
): Promise<Runner> {
  return openRunner ? openRunner(task, runtime) : LocalRunner.open(task, runtime);
}

/** The trained parameters of a pass. */
interface Weights {
  readonly params: readonly Params[];
  /** `lora_scale`, where there is an adapter. */
  readonly scale: Feeds;
}

interface Pass extends PassOptions {
  readonly weights: Weights;
  /** What a run is fed besides batch and weights. */
  readonly targets?: (shard: readonly number[]) => Feeds;
  /** Takes the outputs of each run, in the order of the shards. */
  readonly add?: (outputs: RunOutputs, count: number) => Promise<void>;
}

/** Runs a long computation with pauses, in which the process answers calls. */
async function inTurns<T>(steps: Iterator<void, T>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - began < TURN_MS) continue;
    await setImmediate();
    began = performance.now();
  }
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
