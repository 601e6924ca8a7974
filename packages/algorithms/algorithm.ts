import {
  type Feeds,
  type LearnerSample,
  type Objective,
  type TargetContext,
  updateGraph,
} from "@decorum/learning";
import {
  buildPolicyGraph,
  type ModelGraph,
  type PolicySpec,
  type PolicyValues,
  type Sequence,
} from "@decorum/models";
import type { Value } from "@decorum/onnx";
import type { z } from "zod";
import type { KlKind } from "./kl.ts";
import type { KlController } from "./kl_controller.ts";
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

/** A loss as a graph: scalars. */
export interface LossGraph {
  readonly loss: Value;
  /** By metric name; means over what the loss is a mean over. */
  readonly statistics: Readonly<Record<string, Value>>;
}

/**
 * How a policy learns: a page each, listed in `registry.ts`. A step asks for `rewards`, then `samples`; each mini-batch of these
 * lowers `loss`; `statistics` are what the step reports.
 */
export interface Algorithm<
  Settings extends LoopSettings = LoopSettings,
  Sample extends LearnerSample = LearnerSample,
> {
  /** Its name in messages. */
  readonly title: string;
  /** Under TRL's names. */
  readonly settings: z.ZodType<Settings>;
  /** Whether a value head learns too. */
  readonly valueHead: boolean;
  /** Responses that a sample holds; default 1. */
  readonly perSample?: number;
  /** Names of its statistics, besides those that every algorithm has. */
  readonly metrics: readonly string[];
  /** Responses to a prompt. */
  responses(settings: Settings): number;
  /** Epochs over a batch, where none ends early. */
  epochs(settings: Settings): number;
  /** As a run begins. */
  klController(settings: Settings): KlController;
  /** How the KL of a token is estimated. */
  klKind(settings: Settings): KlKind;
  /** Nats per token beyond which, times 1.5, the mean `ppo/policy/approxkl` of an epoch ends a step's epochs; null: never. */
  targetKl?(settings: Settings): number | null;
  /** Whether only the value head learns in a step. */
  warmsUp?(settings: Settings, step: number): boolean;

  /** What tokens `[tokens]` or whole responses `[sequences]` earn. */
  rewards(batch: RolledBatch, settings: Settings): ArrayLike<number>;
  /** What is learned from: advantages, or pairs. */
  samples(
    batch: RolledBatch,
    rewards: ArrayLike<number>,
    settings: Settings,
  ): readonly Sample[];

  /** Loss of a micro-batch. */
  loss(policy: PolicyValues, settings: Settings): LossGraph;
  /** Inputs of the loss for the samples of a micro-batch. */
  feeds(samples: readonly Sample[], context: TargetContext<Sample>, settings: Settings): Feeds;
  /** What the loss is a mean over: so many in a batch of `sequences` with `tokens`. */
  count(batch: { readonly tokens: number; readonly sequences: readonly Sequence[] }): number;

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
    settings: Settings,
  ): Statistics;
}

/**
 * Loss and gradients of one micro-batch. Outputs: `loss`, the loss's statistics, `logprobs` `[tokens]`, and
 * `<parameter>_grad` for each of `wrt`.
 */
export function buildUpdateGraph<Settings extends LoopSettings>(
  algorithm: Pick<Algorithm<Settings>, "title" | "valueHead" | "loss">,
  settings: Settings,
  spec: PolicySpec,
  wrt: readonly string[],
): ModelGraph {
  const { title, valueHead } = algorithm;
  const name = title.toLowerCase().replaceAll(" ", "_");
  const forward = buildPolicyGraph(name, { ...spec, valueHead }, (policy) => {
    const { graph } = policy;
    const { loss, statistics } = graph.scope(name, () => algorithm.loss(policy, settings));
    graph.output(loss, "loss");
    for (const [metric, value] of Object.entries(statistics)) graph.output(value, metric);
    graph.output(policy.logprobs, "logprobs");
  });
  return updateGraph(forward, wrt, spec);
}

/** An algorithm as a learner lowers it. */
export function objectiveOf<Settings extends LoopSettings, Sample extends LearnerSample>(
  algorithm: Algorithm<Settings, Sample>,
  settings: Settings,
): Objective<Sample> {
  return {
    valueHead: algorithm.valueHead,
    graph: (spec, wrt) => buildUpdateGraph(algorithm, settings, spec, wrt),
    feeds: (samples, context) => algorithm.feeds(samples, context, settings),
    count: (batch) => algorithm.count(batch),
  };
}
