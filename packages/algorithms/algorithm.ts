import type { LearnerSample, Objective } from "@decorum/learning";
import type { Sequence } from "@decorum/models";
import type { z } from "zod";
import type { KlKind } from "./kl.ts";
import type { KlController } from "./kl.ts";
import type { LoopSettings } from "./settings.ts";
import type { Offsets } from "./tokens.ts";

/** A batch of responses with what policy and reference say of them; responses to a prompt follow each other. */
export interface RolledBatch {
  readonly sequences: readonly Sequence[];
  /** Where the tokens of each sequence lie. */
  readonly offsets: Offsets;
  /** What each response is worth, after scaling, clipping and penalties: `[sequences]`. */
  readonly scores: readonly number[];
  /** Whether each response ended by itself. */
  readonly hasEos: readonly boolean[];
  /** Of the policy that rolled out, in nats: `[tokens]`. */
  readonly logprobs: Float32Array;
  /** Of its value head: `[tokens]`; empty where it has none. */
  readonly values: Float32Array;
  /** Of the frozen reference: `[tokens]`. */
  readonly refLogprobs: Float32Array;
  /** Of policy and reference, as the algorithm estimates it, in nats: `[tokens]`. */
  readonly kl: Float32Array;
  /** The KL coefficient now. */
  readonly klCoef: number;
}

/** Statistics by metric name. */
export type Statistics = Readonly<Record<string, number>>;

/** A file of this folder, listed in `registry.ts`: an algorithm before it has settings. */
export interface AlgorithmPage {
  /** Under TRL's names. */
  readonly settings: z.ZodType<LoopSettings>;
  /** @param given settings; what is left out has its default */
  open(given: object): Algorithm;
}

/**
 * How a policy learns. A step asks for `rewards`, then `samples`; each mini-batch of these lowers `loss`; `statistics` are what the
 * step reports.
 */
export interface Algorithm<Sample extends LearnerSample = LearnerSample> extends Objective<Sample> {
  /** Those that every algorithm has. */
  readonly settings: LoopSettings;
  /** Responses to a prompt. */
  readonly responses: number;
  /** Responses that a sample holds. */
  readonly perSample: number;
  /** Whether a prompt is encoded once for all of its responses. */
  readonly sharePrompts: boolean;
  /** Epochs over a batch, where none ends early. */
  readonly epochs: number;
  /** As a run begins. */
  readonly klController: KlController;
  /** KL of a response that is aimed at, in nats; absent: none is. */
  readonly klTarget?: number;
  /** How the KL of a token is estimated. */
  readonly klKind: KlKind;
  /** Nats per token beyond which, times 1.5, the mean `ppo/policy/approxkl` of an epoch ends a step's epochs; null: never. */
  readonly targetKl: number | null;
  /** Whether only the value head learns in a step. */
  warmsUp?(step: number): boolean;

  /** What tokens `[tokens]` or whole responses `[sequences]` earn. */
  rewards(batch: RolledBatch): ArrayLike<number>;
  /** What is learned from: advantages, or pairs. */
  samples(batch: RolledBatch, rewards: ArrayLike<number>): readonly Sample[];

  /** Of a mini-batch, besides those of its loss. */
  minibatchStatistics(samples: readonly Sample[]): Statistics;
  /**
   * Of a whole step.
   *
   * @param averages of the mini-batches' statistics
   */
  stepStatistics(
    batch: RolledBatch,
    rewards: ArrayLike<number>,
    averages: Statistics,
  ): Statistics;
}
