import { buildPpoGraph, type PpoLossConfig } from "./ppo_graph.ts";
import { checkSample, type PpoSample } from "./sample.ts";
import type { LearnerOptions, Objective } from "@decorum/learning";
import { PolicyLearner } from "@decorum/learning";
import { joinRows } from "@decorum/learning";

export type PpoLearnerOptions = LearnerOptions<PpoLossConfig>;

/** A policy that learns by PPO, its value head with it. */
export type PpoLearner = PolicyLearner<PpoSample, PpoLossConfig>;

export const PpoLearner = {
  /** @throws InputError when model, adapter or value head do not fit together. */
  create: (options: PpoLearnerOptions): Promise<PpoLearner> =>
    PolicyLearner.create(options, ppoObjective(options.loss)),
};

function ppoObjective(loss: PpoLossConfig): Objective<PpoSample> {
  return {
    valueHead: true,
    graph: (spec, wrt) => buildPpoGraph(spec, loss, wrt),
    check: (sample, index) =>
      checkSample(sample, index, ["oldLogprobs", "oldValues", "advantages", "returns"]),
    feeds: (samples) => ({
      old_logprobs: joinRows(samples.map((s) => s.oldLogprobs)),
      old_values: joinRows(samples.map((s) => s.oldValues)),
      advantages: joinRows(samples.map((s) => s.advantages)),
      returns: joinRows(samples.map((s) => s.returns)),
    }),
    count: ({ tokens }) => tokens,
  };
}
