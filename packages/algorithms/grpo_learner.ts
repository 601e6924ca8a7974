import { type GroupClip, type GrpoLossType, tokenWeights } from "./group_losses.ts";
import { buildGrpoGraph } from "./grpo_graph.ts";
import type { LearnerOptions, LearnerSample, Objective } from "@decorum/learning";
import { PolicyLearner } from "@decorum/learning";
import { checkSample } from "./sample.ts";
import { countedTokens, joinRows } from "@decorum/learning";

/** Constants of GRPO's loss. */
export interface GrpoLossConfig extends GroupClip {
  readonly lossType: GrpoLossType;
  /** Longest response there may be: the constant of "dr_grpo". */
  readonly maxNewTokens: number;
}

/** One response to learn from; every array `[counted tokens]`. */
export interface GrpoSample extends LearnerSample {
  readonly refLogprobs: Float32Array;
  /** Of the whole response. */
  readonly advantage: number;
  /** Weight of the KL in the loss. */
  readonly beta: number;
}

export type GrpoLearnerOptions = LearnerOptions<GrpoLossConfig>;

/** A policy that learns by GRPO; it has no value head. */
export type GrpoLearner = PolicyLearner<GrpoSample, GrpoLossConfig>;

export const GrpoLearner = {
  /** @throws InputError when model and adapter do not fit together. */
  create: (options: GrpoLearnerOptions): Promise<GrpoLearner> =>
    PolicyLearner.create(options, grpoObjective(options.loss)),
};

function grpoObjective(loss: GrpoLossConfig): Objective<GrpoSample> {
  return {
    valueHead: false,
    graph: (spec, wrt) => buildGrpoGraph(spec, loss, wrt),
    check: (sample, index) => checkSample(sample, index, ["oldLogprobs", "refLogprobs"]),
    feeds(samples, { all, atReference }) {
      const weightOf = new Map(
        tokenWeights(loss.lossType, all.map((s) => countedTokens(s.sequence)), loss.maxNewTokens)
          .map((weight, i) => [all[i]!, weight] as const),
      );
      const perToken = (value: (sample: GrpoSample) => number) =>
        joinRows(samples.map((s) => new Float32Array(s.oldLogprobs.length).fill(value(s))));
      return {
        old_logprobs: joinRows(samples.map((s) => s.oldLogprobs)),
        ref_logprobs: joinRows(samples.map((s) => s.refLogprobs)),
        advantages: perToken((s) => s.advantage),
        weights: perToken((s) => weightOf.get(s)!),
        // At the reference the KL has no gradient; what rounding leaves of one, Adam would make a real step of.
        kl_weights: perToken((s) => atReference ? 0 : s.beta * weightOf.get(s)!),
      };
    },
    count: ({ tokens }) => tokens,
  };
}
