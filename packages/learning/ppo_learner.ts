import {
  type Adapter,
  adapterShapes,
  buildForwardGraph,
  checkAdapter,
  initAdapter,
  initValueHead,
  loadT5Config,
  type LoraConfig,
  loraScaling,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  type T5Config,
  t5LinearLayers,
  tokenBatch,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  type WeightIndex,
} from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import { type InferenceSession, type RuntimeOptions, SessionWorker } from "@decorum/runtime";
import { computeTypeOf, float32, type Tensor } from "@decorum/tensor";
import { accumulateRuns, type MiniBatchGradients } from "./gradient_run.ts";
import { microBatches } from "./micro_batches.ts";
import { openSession } from "./open_session.ts";
import {
  applyUpdate,
  initTrainState,
  type OptimizerOptions,
  type TrainState,
  type UpdateOutcome,
} from "./optimizer.ts";
import { buildPpoGraph, type PpoLossConfig } from "./ppo_graph.ts";
import {
  checkSample,
  emptyPredictions,
  place,
  type PpoSample,
  type TokenPredictions,
} from "./ppo_sample.ts";
import { countedTokens, joinRows } from "./token_rows.ts";
import { checkParams } from "./train_state.ts";

export interface PpoLearnerOptions {
  /** A Hugging Face T5 folder, or its parts. */
  readonly model: string | { readonly config: T5Config; readonly index: WeightIndex };
  readonly lora: LoraConfig;
  /** The adapter that training starts from, which is then the reference too; a new one by default. */
  readonly adapter?: Adapter;
  /** `v_head.summary.{weight,bias}` to start from; zeros by default. */
  readonly valueHead?: Params;
  readonly loss: PpoLossConfig;
  readonly optimizer: OptimizerOptions;
  /** Sequences in one run; default 4. It changes memory, not results (within rounding). */
  readonly microBatchSize?: number;
  /** Of a new adapter; default 0. */
  readonly seed?: number;
  /** Execution provider, precision, threads. */
  readonly runtime?: RuntimeOptions;
}

/** Gradients of one mini-batch, and the predictions they were taken at, in the samples' order. */
export interface PpoGradients extends MiniBatchGradients {
  readonly predictions: readonly TokenPredictions[];
}

/** What a learner needs in order to go on bit for bit. */
export interface PpoLearnerState {
  /** Adapter under PEFT's keys and value head, Adam's moments, counters. */
  readonly train: TrainState;
  /** The frozen adapter of the reference; undefined where the reference is the bare base. */
  readonly reference: Adapter | undefined;
}

/**
 * A T5 policy with LoRA adapter and value head that learns by PPO: two sessions over one mapped copy of
 * the base weights, and a state that only `apply` and `restore` change.
 *
 * Forward and gradients are two sessions since onnxruntime computes all of a graph whatever is fetched.
 */
export class PpoLearner implements AsyncDisposable {
  #state: PpoLearnerState;

  private constructor(
    readonly config: T5Config,
    readonly options: PpoLearnerOptions,
    state: PpoLearnerState,
    readonly worker: SessionWorker,
    readonly forwardSession: InferenceSession,
    readonly updateSession: InferenceSession,
  ) {
    this.#state = state;
  }

  /** @throws TypeError when model, adapter or value head do not fit together. */
  static async create(options: PpoLearnerOptions): Promise<PpoLearner> {
    const { model, lora, runtime = {} } = options;
    const config = typeof model === "string" ? loadT5Config(model) : model.config;
    const layers = t5LinearLayers(config);
    if (options.adapter) checkAdapter(options.adapter, lora, layers, "to start from");
    const fresh = initValueHead(config.d_model);
    if (options.valueHead) checkParams(options.valueHead, fresh, "value head");
    const train = initTrainState(
      new Map([
        ...(options.adapter ?? initAdapter(lora, layers, options.seed ?? 0)),
        ...(options.valueHead ?? fresh),
      ]),
    );
    using opened = typeof model === "string" ? openCheckpoint(model) : undefined;
    const index = typeof model === "string" ? opened! : model.index;
    const spec: PolicySpec = {
      config,
      index,
      lora,
      valueHead: true,
      computeType: computeTypeOf(runtime.precision ?? "fp32"),
    };
    const worker = new SessionWorker();
    try {
      const wrt = [...train.params.keys()];
      const forward = await openSession(buildForwardGraph(spec), runtime, worker);
      const graph = buildPpoGraph(spec, options.loss, wrt);
      const update = await openSession(graph, runtime, worker, { prepack: true });
      const state = { train, reference: options.adapter };
      return new PpoLearner(config, options, state, worker, forward, update);
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
    const { reference } = this.#state;
    return [...this.adapter].every(([name, { data }]) => {
      const start = reference?.get(name)?.data;
      if (start) return data.every((x, i) => x === start[i]);
      // Without a start adapter the reference is the base, which B = 0 is whatever A is.
      return name.endsWith(".lora_A.weight") || data.every((x) => x === 0);
    });
  }

  /** `v_head.summary.{weight,bias}` as they are now. */
  get valueHead(): Params {
    const { params } = this.#state.train;
    return new Map([VALUE_HEAD_WEIGHT, VALUE_HEAD_BIAS].map((name) => [name, params.get(name)!]));
  }

  /**
   * Log-probabilities, values and entropies of the counted tokens, in the order of `sequences`.
   *
   * @param options.reference under the reference policy: the adapter training started from, else the base
   * @param options.temperature logits are divided by it; default 1
   */
  async forward(
    sequences: readonly Sequence[],
    options: { readonly reference?: boolean; readonly temperature?: number } = {},
  ): Promise<TokenPredictions[]> {
    const found = emptyPredictions(sequences);
    const weights = options.reference ? this.#referenceFeeds() : this.#policyFeeds();
    for (const micro of this.#cut(sequences)) {
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
   * Gradients of the PPO loss, meaned over all counted tokens of the samples, at the parameters as they
   * are now. Changes nothing.
   */
  async gradients(
    samples: readonly PpoSample[],
    options: { readonly temperature?: number } = {},
  ): Promise<PpoGradients> {
    const sequences = samples.map((s) => s.sequence);
    samples.forEach(checkSample);
    const micros = this.#cut(sequences);
    const predictions = emptyPredictions(sequences);
    const batches = micros.map((micro) => {
      const chosen = micro.map((i) => samples[i]!);
      return { chosen, batch: tokenBatch(chosen.map((s) => s.sequence), this.config) };
    });
    const runs = batches.map(({ chosen, batch }) => ({
      weight: batch.tokens,
      feeds: {
        ...batch.feeds,
        ...this.#policyFeeds(),
        temperature: temperatureFeed(options.temperature),
        old_logprobs: joinRows(chosen.map((s) => s.oldLogprobs)),
        old_values: joinRows(chosen.map((s) => s.oldValues)),
        advantages: joinRows(chosen.map((s) => s.advantages)),
        returns: joinRows(chosen.map((s) => s.returns)),
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
   * @throws RangeError when the gradients are of 0 tokens
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
    samples: readonly PpoSample[],
    options: { readonly temperature?: number; readonly valueHeadOnly?: boolean } = {},
  ): Promise<PpoGradients & UpdateOutcome> {
    const gradients = await this.gradients(samples, options);
    return { ...gradients, ...this.apply(gradients, options) };
  }

  /** The state now. Tensors are never changed in place: what is handed out stays as it is. */
  state(): PpoLearnerState {
    return this.#state;
  }

  /** Goes on from a state. @throws TypeError when it is of another model or adapter. */
  restore(state: PpoLearnerState): void {
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

  #cut(sequences: readonly Sequence[]): number[][] {
    const lengths = sequences.map((s) =>
      countedTokens(s) === 0 ? 0 : s.query.length + s.response.length
    );
    return microBatches(lengths, this.options.microBatchSize ?? 4);
  }

  #policyFeeds(): Record<string, Tensor> {
    return {
      ...Object.fromEntries(this.#state.train.params),
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
  throw new RangeError(`Cannot divide logits by temperature ${temperature}: expected more than 0`);
}
