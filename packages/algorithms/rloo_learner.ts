import type { GroupClip } from "./group_losses.ts";
import { float32, tensor, zeros } from "@decorum/tensor";
import type { LearnerOptions, LearnerSample, Objective } from "@decorum/learning";
import { PolicyLearner } from "@decorum/learning";
import { checkSample } from "./sample.ts";
import { buildRlooGraph } from "./rloo_graph.ts";
import { joinRows } from "@decorum/learning";

/** One response to learn from. */
export interface RlooSample extends LearnerSample {
  /** Of the whole response. */
  readonly advantage: number;
}

export type RlooLearnerOptions = LearnerOptions<GroupClip>;

/** A policy that learns by RLOO; it has no value head. */
export type RlooLearner = PolicyLearner<RlooSample, GroupClip>;

export const RlooLearner = {
  /** @throws InputError when model and adapter do not fit together. */
  create: (options: RlooLearnerOptions): Promise<RlooLearner> =>
    PolicyLearner.create(options, rlooObjective(options.loss)),
};

function rlooObjective(loss: GroupClip): Objective<RlooSample> {
  return {
    valueHead: false,
    graph: (spec, wrt) => buildRlooGraph(spec, loss, wrt),
    check: (sample, index) => checkSample(sample, index, ["oldLogprobs"]),
    feeds(samples, { all }) {
      const old = joinRows(samples.map((s) => s.oldLogprobs));
      const tokens = old.data.length;
      const membership = zeros("float32", [samples.length, tokens]);
      let start = 0;
      samples.forEach(({ oldLogprobs: { length } }, row) => {
        membership.data.fill(1, row * tokens + start, row * tokens + (start += length));
      });
      const advantages = Float32Array.from(samples, (s) => s.advantage);
      return {
        old_logprobs: old,
        membership,
        advantages: tensor("float32", [samples.length], advantages),
        token_share: float32([], [
          all.length / all.reduce((sum, { oldLogprobs: { length } }) => sum + length, 0),
        ]),
      };
    },
    count: ({ sequences }) => sequences.length,
  };
}
