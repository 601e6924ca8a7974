import {
  loadT5Config,
  loraScaling,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  type T5Config,
  t5LinearLayers,
  tokenBatch,
} from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import { type InferenceSession, type RuntimeOptions, SessionWorker } from "@decorum/runtime";
import { computeTypeOf, float32, InputError, type Tensor } from "@decorum/tensor";
import { accumulateRuns, type MiniBatchGradients, scalarOf } from "./gradient_run.ts";
import { loraDropoutMasks, t5RowsOf } from "./lora_dropout.ts";
import { sequenceMicroBatches } from "./micro_batches.ts";
import { openSession } from "./open_session.ts";
import {
  applyUpdate,
  initTrainState,
  type OptimizerOptions,
  type TrainState,
  type UpdateOutcome,
} from "./optimizer.ts";
import { buildSftForwardGraph, buildSftGraph } from "./sft_graph.ts";
import { checkParams } from "./train_state.ts";
import { saveTrained, startParams, type TrainedPart, trainingIndex } from "./trained_model.ts";

export interface SftOptions extends TrainedPart {
  /** A Hugging Face T5 folder. */
  readonly model: string;
  readonly optimizer: OptimizerOptions;
  /** Sequences in one run; default 4. It changes memory, not results (within rounding). */
  readonly microBatchSize?: number;
  readonly runtime?: RuntimeOptions;
}

/** What one update of a small trainer reports. */
export interface TrainMetrics extends UpdateOutcome {
  /** Mean over the mini-batch, in nats. */
  readonly loss: number;
  /** Tokens (examples, pairs) the mean is over. */
  readonly count: number;
}

/**
 * Supervised fine-tuning of a T5 by teacher forcing: mean negative log-likelihood of the response tokens.
 * Trains a LoRA adapter, or all weights, which are then fed to every run: meant for small models.
 */
export class SftTrainer implements AsyncDisposable {
  #state: TrainState;

  private constructor(
    readonly config: T5Config,
    readonly options: SftOptions,
    state: TrainState,
    readonly worker: SessionWorker,
    readonly forwardSession: InferenceSession,
    readonly updateSession: InferenceSession,
  ) {
    this.#state = state;
  }

  /** @throws InputError when the folder is no T5, or the adapter does not fit it. */
  static async create(options: SftOptions): Promise<SftTrainer> {
    const { model, lora, runtime = {} } = options;
    const config = loadT5Config(model);
    using checkpoint = openCheckpoint(model);
    const spec: PolicySpec = {
      config,
      index: trainingIndex(checkpoint),
      computeType: computeTypeOf(runtime.precision ?? "fp32"),
      ...(lora ? { lora } : { trainable: () => true }),
    };
    const forward = buildSftForwardGraph(spec);
    const params = startParams(options, t5LinearLayers(config), checkpoint, forward.graph);
    const update = buildSftGraph(
      { ...spec, dropout: (lora?.loraDropout ?? 0) > 0 },
      [...params.keys()],
    );
    const worker = new SessionWorker();
    try {
      return new SftTrainer(
        config,
        options,
        initTrainState(params),
        worker,
        await openSession(forward, runtime, worker),
        await openSession(update, runtime, worker, { prepack: true }),
      );
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** The trained parameters as they are now. */
  get params(): Params {
    return this.#state.params;
  }

  /** Gradients of the loss, meaned over all counted tokens of the mini-batch. Changes nothing. */
  async gradients(sequences: readonly Sequence[]): Promise<MiniBatchGradients> {
    const { updates, skipped } = this.#state;
    const runs = sequenceMicroBatches(sequences, this.options.microBatchSize).values().map(
      (micro) => {
        const batch = tokenBatch(micro.map((i) => sequences[i]!), this.config);
        const masks = this.#dropoutMasks(sequences, micro, updates + skipped);
        return { weight: batch.tokens, feeds: { ...batch.feeds, ...this.#feeds(), ...masks } };
      },
    );
    return await accumulateRuns(this.updateSession, [...this.#state.params.keys()], runs);
  }

  /** One optimizer step on one mini-batch. A loss or gradient that is not finite is skipped and counted. */
  async update(sequences: readonly Sequence[]): Promise<TrainMetrics> {
    const { accumulation, loss } = await this.gradients(sequences);
    const grads = meanGradients(accumulation);
    const { state, outcome } = applyUpdate(this.#state, grads, loss, this.options.optimizer);
    this.#state = state;
    return { ...outcome, loss, count: accumulation.tokens };
  }

  /** Mean negative log-likelihood of the counted tokens of `sequences`, in nats; no dropout. */
  async evaluate(sequences: readonly Sequence[]): Promise<{ loss: number; count: number }> {
    let [sum, count] = [0, 0];
    for (const micro of sequenceMicroBatches(sequences, this.options.microBatchSize)) {
      const batch = tokenBatch(micro.map((i) => sequences[i]!), this.config);
      const outputs = await this.forwardSession.run({ ...batch.feeds, ...this.#feeds() });
      sum += scalarOf(outputs, "loss") * batch.tokens;
      count += batch.tokens;
    }
    if (count === 0) throw new InputError("Cannot evaluate on 0 tokens: expected at least one");
    return { loss: sum / count, count };
  }

  /** The state now: parameters, moments, counters. */
  state(): TrainState {
    return this.#state;
  }

  /** Goes on from a state. @throws InputError when it is of another model. */
  restore(state: TrainState): void {
    checkParams(state.params, this.#state.params, "trainer's state");
    this.#state = state;
  }

  /** Writes a PEFT adapter folder, or the whole model as a Hugging Face folder. */
  save(folder: string): void {
    saveTrained(folder, this.options.model, this.options, this.params);
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

  #feeds(): Record<string, Tensor> {
    const { lora } = this.options;
    return {
      ...Object.fromEntries(this.#state.params),
      temperature: float32([], [1]),
      ...(lora ? { lora_scale: float32([], [loraScaling(lora)]) } : {}),
    };
  }

  #dropoutMasks(
    sequences: readonly Sequence[],
    micro: readonly number[],
    step: number,
  ): Record<string, Tensor> {
    const { lora, seed = 0 } = this.options;
    if (!lora || lora.loraDropout === 0) return {};
    const rows = micro.map((index) => {
      const { query, response } = sequences[index]!;
      return { index, source: query.length, target: response.length };
    });
    return loraDropoutMasks(lora, t5LinearLayers(this.config), t5RowsOf, rows, { seed, step });
  }
}
