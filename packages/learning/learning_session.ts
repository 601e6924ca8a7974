import { setImmediate } from "node:timers/promises";
import { loraScaling } from "@decorum/models";
import {
  accumulating,
  emptyAccumulation,
  type GradientAccumulation,
  meanGradients,
  type Params,
} from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, InputError, type Tensor } from "@decorum/tensor";
import { loraDropoutMasks } from "./lora_dropout.ts";
import { checkParams, type LearnerState, withoutValueHead } from "./learner_state.ts";
import {
  applyUpdate,
  initTrainState,
  type OptimizerOptions,
  type UpdateOutcome,
} from "./optimizer.ts";
import type { LearningTask } from "./learning_task.ts";
import { type Evaluation, type PassWeights, runPass } from "./pass.ts";
import { type Feeds, type Graphs, LocalRunner, type OpenRunner, type Runner } from "./runner.ts";

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

/** Gradients of a mini-batch, and what was predicted at the parameters that they were taken at. */
export interface Gradients<Prediction> extends MiniBatchGradients, Evaluation<Prediction> {}

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
    const { temperature = 1, reference, parameters } = options;
    const weights = reference ? this.#reference : this.#weights(parameters);
    const pass = { graph: "forward", temperature, weights } as const;
    return (await runPass(this, inputs, pass)).predictions;
  }

  /** The forward graph's scalars, and predictions; no dropout. @throws InputError when nothing counts */
  async evaluate(samples: readonly Sample[]): Promise<Evaluation<Prediction>> {
    const compared = await this.#compared(samples, {});
    const inputs = compared.map(this.task.inputOf);
    const pass = { graph: "forward", temperature: 1, weights: this.#weights() } as const;
    const evaluation = await runPass(this, inputs, pass);
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
    const evaluation = await runPass(this, inputs, {
      graph: "update",
      temperature,
      weights: this.#weights(),
      targets: (shard) => ({
        ...this.#dropoutMasks(inputs, shard),
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

  #weights(parameters: Params = this.params): PassWeights {
    const { lora } = this.task;
    return {
      params: [parameters],
      scale: lora ? { lora_scale: float32([], [loraScaling(lora)]) } : {},
    };
  }

  get #reference(): PassWeights {
    const { reference } = this.#state;
    const now = this.#weights();
    if (reference) return { ...now, params: [...now.params, reference] };
    return { ...now, scale: { lora_scale: float32([], [0]) } };
  }

  /** @param inputs of the whole mini-batch */
  #dropoutMasks(inputs: readonly Input[], shard: readonly number[]): Feeds {
    const { lora, model, dropoutRows, shared } = this.task;
    if (!lora || lora.loraDropout === 0 || !dropoutRows) return {};
    const target = shard.flatMap((i) => dropoutRows(inputs[i]!, i));
    // What is shared is drawn for the first that has it, in whichever micro-batches the others are.
    const first = (i: number) =>
      inputs.findIndex((other) => shared!(other) === shared!(inputs[i]!));
    const source = shared
      ? [...new Set(shard.map(first))].map((i) => dropoutRows(inputs[i]!, i)[0]!)
      : target;
    const draw = { seed: this.options.seed ?? 0, step: this.steps };
    return loraDropoutMasks(lora, model, { source, target }, draw);
  }
}

/** Opens what runs a task's graphs. */
export function openRunner(
  task: Graphs,
  { openRunner, runtime = {} }: Pick<SessionOptions, "openRunner" | "runtime">,
): Promise<Runner> {
  return openRunner ? openRunner(task, runtime) : LocalRunner.open(task, runtime);
}

const isValueHead = (name: string) => name.startsWith("v_head.");

/** Milliseconds of adding gradients after which others of the process get their turn. */
const TURN_MS = 8;

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
