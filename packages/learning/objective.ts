import type {
  Adapter,
  LoraConfig,
  ModelGraph,
  PolicySpec,
  Sequence,
  T5Config,
  TokenBatch,
  WeightIndex,
} from "@decorum/models";
import type { Params } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import type { Tensor } from "@decorum/tensor";
import type { OptimizerOptions } from "./optimizer.ts";

/** One response to learn from. */
export interface LearnerSample {
  readonly sequence: Sequence;
  /** Of the rollout, at the temperature of the update, `[counted tokens]`. */
  readonly oldLogprobs: Float32Array;
}

/** What a learner lowers. */
export interface Objective<Sample extends LearnerSample> {
  /** Whether a value head learns too. */
  readonly valueHead: boolean;
  /**
   * Loss and gradients of one micro-batch. Outputs: `loss`, `logprobs`, `entropy`, `values` where there is a
   * value head, and `<parameter>_grad` for each of `wrt`.
   */
  graph(spec: PolicySpec, wrt: readonly string[]): ModelGraph;
  /** @throws InputError naming the field of sample `index` that does not fit its sequence */
  check(sample: Sample, index: number): void;
  /** What the graph is fed besides batch and parameters, for the samples of one micro-batch. */
  feeds(
    samples: readonly Sample[],
    context: {
      /** Samples of the whole mini-batch. */
      readonly all: readonly Sample[];
      /** The policy still is its reference, bit for bit. */
      readonly atReference: boolean;
    },
  ): Readonly<Record<string, Tensor>>;
  /** What the loss of a micro-batch is a mean over: so many of all that the mini-batch has. */
  count(batch: TokenBatch): number;
}

export interface LearnerOptions<Loss> {
  /** A Hugging Face T5 folder, or its parts. */
  readonly model: string | { readonly config: T5Config; readonly index: WeightIndex };
  readonly lora: LoraConfig;
  /** The adapter that training starts from, which is then the reference too; a new one by default. */
  readonly adapter?: Adapter;
  /** `v_head.summary.{weight,bias}` to start from, where the objective has a value head; zeros by default. */
  readonly valueHead?: Params;
  /** Constants of the loss. */
  readonly loss: Loss;
  readonly optimizer: OptimizerOptions;
  /** Sequences in one run; default 4. It changes memory, not results (within rounding). */
  readonly microBatchSize?: number;
  /** Of a new adapter; default 0. */
  readonly seed?: number;
  /** Execution provider, precision, threads. */
  readonly runtime?: RuntimeOptions;
}
