import {
  type ClassifierConfig,
  classifierLinearLayers,
  labelIndex,
  loadClassifierConfig,
  loraScaling,
  openCheckpoint,
} from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import { type InferenceSession, type RuntimeOptions, SessionWorker } from "@decorum/runtime";
import { computeTypeOf, float32, InputError, type Tensor } from "@decorum/tensor";
import { accumulateRuns, type MiniBatchGradients, scalarOf } from "./gradient_run.ts";
import { loraDropoutMasks } from "./lora_dropout.ts";
import { microBatches } from "./micro_batches.ts";
import { openSession } from "./open_session.ts";
import {
  applyUpdate,
  initTrainState,
  type OptimizerOptions,
  type TrainState,
} from "./optimizer.ts";
import { type LabelledText, rewardFeeds, type TextPair, textsOf } from "./reward_batch.ts";
import { buildRewardForwardGraph, buildRewardGraph, type RewardSpec } from "./reward_graph.ts";
import type { TrainMetrics } from "./sft.ts";
import { checkParams } from "./train_state.ts";
import { saveTrained, startParams, type TrainedPart, trainingIndex } from "./trained_model.ts";

export interface RewardOptions extends TrainedPart {
  /** A Hugging Face folder of a BERT or RoBERTa sequence classifier. */
  readonly model: string;
  /** `labels`: cross entropy over classes; `pairs`: preference, `-log sigmoid(chosen - rejected)`. */
  readonly objective: "labels" | "pairs";
  /** Name of the label whose logit is the score of a pair; the first by default. */
  readonly scoreLabel?: string;
  readonly optimizer: OptimizerOptions;
  /** Examples in one run; default 8. It changes memory, not results (within rounding). */
  readonly microBatchSize?: number;
  readonly runtime?: RuntimeOptions;
}

type Example = LabelledText | TextPair;

/** How well a reward model does on examples. */
export interface RewardEvaluation {
  readonly loss: number;
  /** Share of texts whose label has the largest logit, or of pairs whose chosen text scores higher. */
  readonly accuracy: number;
  readonly count: number;
}

/**
 * Training of a reward model: a sequence classifier on labelled texts, or on pairs of which one text is
 * preferred. Trains a LoRA adapter, or all weights, which are then fed to every run.
 */
export class RewardTrainer implements AsyncDisposable {
  #state: TrainState;

  private constructor(
    readonly config: ClassifierConfig,
    readonly scoreLabel: number,
    readonly options: RewardOptions,
    state: TrainState,
    readonly worker: SessionWorker,
    readonly forwardSession: InferenceSession,
    readonly updateSession: InferenceSession,
  ) {
    this.#state = state;
  }

  /** @throws InputError when the folder is no such classifier or the adapter does not fit; InputError for an unknown label. */
  static async create(options: RewardOptions): Promise<RewardTrainer> {
    const { model, lora, runtime = {} } = options;
    const config = loadClassifierConfig(model);
    const scoreLabel = options.scoreLabel === undefined
      ? 0
      : labelIndex(config, options.scoreLabel);
    using checkpoint = openCheckpoint(model);
    const spec: RewardSpec = {
      config,
      index: trainingIndex(checkpoint),
      computeType: computeTypeOf(runtime.precision ?? "fp32"),
      objective: options.objective,
      scoreLabel,
      ...(lora ? { lora } : { trainable: () => true }),
    };
    const forward = buildRewardForwardGraph(spec);
    const params = startParams(options, classifierLinearLayers(config), checkpoint, forward.graph);
    const update = buildRewardGraph(
      { ...spec, dropout: (lora?.loraDropout ?? 0) > 0 },
      [...params.keys()],
    );
    const worker = new SessionWorker();
    try {
      return new RewardTrainer(
        config,
        scoreLabel,
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

  /** Gradients of the loss, meaned over the examples. Changes nothing. */
  async gradients(examples: readonly Example[]): Promise<MiniBatchGradients> {
    const { updates, skipped } = this.#state;
    const runs = this.#cut(examples).values().map((micro) => {
      const chosen = micro.map((i) => examples[i]!);
      const masks = this.#dropoutMasks(examples, micro, updates + skipped);
      const feeds = { ...rewardFeeds(chosen, this.config), ...this.#feeds(), ...masks };
      return { weight: micro.length, feeds };
    });
    return await accumulateRuns(this.updateSession, [...this.#state.params.keys()], runs);
  }

  /** One optimizer step on one mini-batch. A loss or gradient that is not finite is skipped and counted. */
  async update(examples: readonly Example[]): Promise<TrainMetrics> {
    const { accumulation, loss } = await this.gradients(examples);
    const grads = meanGradients(accumulation);
    const { state, outcome } = applyUpdate(this.#state, grads, loss, this.options.optimizer);
    this.#state = state;
    return { ...outcome, loss, count: accumulation.tokens };
  }

  /** Loss and accuracy; no dropout. */
  async evaluate(examples: readonly Example[]): Promise<RewardEvaluation> {
    let [loss, right, count] = [0, 0, 0];
    for (const micro of this.#cut(examples)) {
      const chosen = micro.map((i) => examples[i]!);
      const feeds = { ...rewardFeeds(chosen, this.config), ...this.#feeds() };
      const outputs = await this.forwardSession.run(feeds);
      loss += scalarOf(outputs, "loss") * micro.length;
      right += this.#countRight(chosen, outputs["logits"]!);
      count += micro.length;
    }
    if (count === 0) throw new InputError("Cannot evaluate on 0 examples: expected at least one");
    return { loss: loss / count, accuracy: right / count, count };
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

  #cut(examples: readonly Example[]): number[][] {
    const lengths = examples.map((e) => Math.max(1, ...textsOf(e).map((ids) => ids.length)));
    return microBatches(lengths, this.options.microBatchSize ?? 8);
  }

  #feeds(): Record<string, Tensor> {
    const { lora } = this.options;
    return {
      ...Object.fromEntries(this.#state.params),
      ...(lora ? { lora_scale: float32([], [loraScaling(lora)]) } : {}),
    };
  }

  #countRight(examples: readonly Example[], logits: Tensor): number {
    const width = this.config.labels.length;
    const at = (row: number, label: number) => Number(logits.data[row * width + label]);
    return examples.filter((example, i) => {
      if (!("label" in example)) return at(2 * i, this.scoreLabel) > at(2 * i + 1, this.scoreLabel);
      const row = Array.from({ length: width }, (_, label) => at(i, label));
      return row.indexOf(Math.max(...row)) === example.label;
    }).length;
  }

  #dropoutMasks(
    examples: readonly Example[],
    micro: readonly number[],
    step: number,
  ): Record<string, Tensor> {
    const { lora, seed = 0 } = this.options;
    if (!lora || lora.loraDropout === 0) return {};
    const rows = micro.flatMap((index) =>
      textsOf(examples[index]!).map((ids, side) => ({
        index: 2 * index + side,
        source: ids.length,
        target: 1,
      }))
    );
    const layers = classifierLinearLayers(this.config);
    // The head's layers see one row a text.
    const rowsOf = (layer: string) => layer.includes(".layer.") ? "source" : "target";
    return loraDropoutMasks(lora, layers, rowsOf, rows, { seed, step });
  }
}
