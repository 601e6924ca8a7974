import {
  type Adapter,
  adapterShapes,
  buildForwardGraph,
  checkAdapter,
  initAdapter,
  initValueHead,
  loadT5Config,
  loraScaling,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  type T5Config,
  t5LinearLayers,
  tokenBatch,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
} from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import { type InferenceSession, SessionWorker } from "@decorum/runtime";
import { computeTypeOf, float32, InputError, type Tensor } from "@decorum/tensor";
import { accumulateRuns, type MiniBatchGradients } from "./gradient_run.ts";
import { sequenceMicroBatches } from "./micro_batches.ts";
import type { LearnerOptions, LearnerSample, Objective } from "./objective.ts";
import { openSession } from "./open_session.ts";
import { applyUpdate, initTrainState, type TrainState, type UpdateOutcome } from "./optimizer.ts";
import { emptyPredictions, place, type TokenPredictions } from "./predictions.ts";
import { checkParams } from "./train_state.ts";

/** Gradients of one mini-batch, and the predictions they were taken at, in the samples' order. */
export interface PolicyGradients extends MiniBatchGradients {
  readonly predictions: readonly TokenPredictions[];
}

/** What a learner needs in order to go on bit for bit. */
export interface LearnerState {
  /** Adapter under PEFT's keys, value head where there is one, Adam's moments, counters. */
  readonly train: TrainState;
  /** The frozen adapter of the reference; undefined where the reference is the bare base. */
  readonly reference: Adapter | undefined;
}

/**
 * A T5 policy with LoRA adapter, and a value head where its objective has one, that learns from responses:
 * two sessions over one mapped copy of the base weights, and a state that only `apply` and `restore` change.
 *
 * Forward and gradients are two sessions since onnxruntime computes all of a graph whatever is fetched.
 */
export class PolicyLearner<Sample extends LearnerSample, Loss> implements AsyncDisposable {
  #state: LearnerState;

  private constructor(
    readonly config: T5Config,
    readonly options: LearnerOptions<Loss>,
    readonly objective: Objective<Sample>,
    state: LearnerState,
    readonly worker: SessionWorker,
    readonly forwardSession: InferenceSession,
    readonly updateSession: InferenceSession,
  ) {
    this.#state = state;
  }

  /** @throws InputError when model, adapter or value head do not fit together. */
  static async create<Sample extends LearnerSample, Loss>(
    options: LearnerOptions<Loss>,
    objective: Objective<Sample>,
  ): Promise<PolicyLearner<Sample, Loss>> {
    const { model, lora, runtime = {} } = options;
    const config = typeof model === "string" ? loadT5Config(model) : model.config;
    const layers = t5LinearLayers(config);
    if (options.adapter) checkAdapter(options.adapter, lora, layers, "to start from");
    const fresh: Params = objective.valueHead ? initValueHead(config.d_model) : new Map();
    const head = objective.valueHead ? options.valueHead ?? fresh : fresh;
    checkParams(head, fresh, "value head");
    const train = initTrainState(
      new Map([
        ...(options.adapter ?? initAdapter(lora, layers, options.seed ?? 0)),
        ...head,
      ]),
    );
    using opened = typeof model === "string" ? openCheckpoint(model) : undefined;
    const index = typeof model === "string" ? opened! : model.index;
    const spec: PolicySpec = {
      config,
      index,
      lora,
      valueHead: objective.valueHead,
      computeType: computeTypeOf(runtime.precision ?? "fp32"),
    };
    const worker = new SessionWorker();
    try {
      const wrt = [...train.params.keys()];
      const forward = await openSession(buildForwardGraph(spec), runtime, worker);
      const graph = objective.graph(spec, wrt);
      const update = await openSession(graph, runtime, worker, { prepack: true });
      const state = { train, reference: options.adapter };
      return new PolicyLearner(config, options, objective, state, worker, forward, update);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Parameters of the adapter as it is now, under PEFT's keys. */
  get adapter(): Adapter {
    const names = adapterShapes(this.options.lora, t5LinearLayers(this.config)).keys();
    return new Map([...names].map((name) => [name, this.#state.train.params.get(name)!]));
  }

  /** True while the adapter is, bit for bit, what the reference is: untrained, or the frozen start. */
  get isReference(): boolean {
    return this.isReferenceAt(this.#state.train.params);
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

  /** `v_head.summary.{weight,bias}` as they are now; undefined where the objective has no value head. */
  get valueHead(): Params | undefined {
    if (!this.objective.valueHead) return undefined;
    const { params } = this.#state.train;
    return new Map([VALUE_HEAD_WEIGHT, VALUE_HEAD_BIAS].map((name) => [name, params.get(name)!]));
  }

  /**
   * Log-probabilities and values of the counted tokens, in the order of `sequences`.
   *
   * @param options.reference under the reference policy: the adapter training started from, else the base
   * @param options.parameters under these instead of those of now
   * @param options.temperature logits are divided by it; default 1
   */
  async forward(
    sequences: readonly Sequence[],
    options: {
      readonly reference?: boolean;
      readonly parameters?: Params;
      readonly temperature?: number;
    } = {},
  ): Promise<TokenPredictions[]> {
    const found = emptyPredictions(sequences);
    const weights = options.reference
      ? this.#referenceFeeds()
      : this.#policyFeeds(options.parameters);
    for (const micro of sequenceMicroBatches(sequences, this.options.microBatchSize)) {
      const batch = tokenBatch(micro.map((i) => sequences[i]!), this.config);
      const outputs = await this.forwardSession.run({
        ...batch.feeds,
        ...weights,
        temperature: temperatureFeed(options.temperature),
      });
      place(found, micro, outputs, batch.lengths);
    }
    return found;
  }

  /**
   * Gradients of the loss over all samples, however they are cut into micro-batches, at the parameters as
   * they are now. Changes nothing.
   */
  async gradients(
    samples: readonly Sample[],
    options: { readonly temperature?: number } = {},
  ): Promise<PolicyGradients> {
    const sequences = samples.map((s) => s.sequence);
    samples.forEach((sample, i) => this.objective.check(sample, i));
    const atReference = this.isReference;
    const micros = sequenceMicroBatches(sequences, this.options.microBatchSize);
    const predictions = emptyPredictions(sequences);
    const batches = micros.map((micro) => {
      const chosen = micro.map((i) => samples[i]!);
      return { chosen, batch: tokenBatch(chosen.map((s) => s.sequence), this.config) };
    });
    const runs = batches.map(({ chosen, batch }) => ({
      weight: this.objective.count(batch),
      feeds: {
        ...batch.feeds,
        ...this.#policyFeeds(),
        temperature: temperatureFeed(options.temperature),
        ...this.objective.feeds(chosen, { all: samples, atReference }),
      },
    }));
    const wrt = [...this.#state.train.params.keys()];
    const result = await accumulateRuns(
      this.updateSession,
      wrt,
      runs,
      (outputs, i) => place(predictions, micros[i]!, outputs, batches[i]!.batch.lengths),
    );
    return { ...result, predictions };
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
      ? new Map([...all].filter(([name]) => name.startsWith("v_head.")))
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
  async updateMinibatch(
    samples: readonly Sample[],
    options: { readonly temperature?: number; readonly valueHeadOnly?: boolean } = {},
  ): Promise<PolicyGradients & UpdateOutcome> {
    const gradients = await this.gradients(samples, options);
    return { ...gradients, ...this.apply(gradients, options) };
  }

  /** The state now. Tensors are never changed in place: what is handed out stays as it is. */
  state(): LearnerState {
    return this.#state;
  }

  /** Goes on from a state. @throws InputError when it is of another model or adapter. */
  restore(state: LearnerState): void {
    const { lora } = this.options;
    checkParams(state.train.params, this.#state.train.params, "learner's state");
    if (state.reference) {
      checkAdapter(state.reference, lora, t5LinearLayers(this.config), "of the reference");
    }
    this.#state = state;
  }

  /** Frees sessions and thread. */
  async release(): Promise<void> {
    await this.forwardSession.release();
    await this.updateSession.release();
    this.worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #policyFeeds(parameters: Params = this.#state.train.params): Record<string, Tensor> {
    return {
      ...Object.fromEntries(parameters),
      lora_scale: float32([], [loraScaling(this.options.lora)]),
    };
  }

  #referenceFeeds(): Record<string, Tensor> {
    const { reference } = this.#state;
    if (reference) return { ...this.#policyFeeds(), ...Object.fromEntries(reference) };
    return { ...this.#policyFeeds(), lora_scale: float32([], [0]) };
  }
}

function temperatureFeed(temperature = 1): Tensor<"float32"> {
  if (temperature > 0 && temperature < Infinity) return float32([], [temperature]);
  throw new InputError(`Cannot divide logits by temperature ${temperature}: expected more than 0`);
}
