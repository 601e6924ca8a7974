/**
 * Online direct preference optimisation (Guo et al. 2024), as TRL's `OnlineDPOTrainer`: the policy gives two responses to a prompt,
 * the rewards say which is preferred, and the pair is learned from by DPO's loss (Rafailov et al. 2023).
 */
import {
  dpoLoss,
  type LearnerSample,
  membershipOf,
  sumPerSequence as sums,
} from "@decorum/learning";
import type { Sequence } from "@decorum/models";
import { tensor } from "@decorum/tensor";
import { z } from "zod";
import type { Algorithm, AlgorithmPage } from "./algorithm.ts";
import { mean } from "./statistics.ts";
import { checkLoop, loopSettings, sharingSettings } from "./settings.ts";
import { joined, partOf, sumPerSequence } from "./tokens.ts";

const schema = z.strictObject({
  ...loopSettings,
  ...sharingSettings,
  mini_batch_size: z.int().positive().default(16).meta({
    description: "Responses of one update: a multiple of 2, since pairs stay together.",
    unit: "responses",
  }),
  beta: z.number().positive().default(0.1)
    .describe("How much the policy is kept near the reference: the scale of the implicit rewards."),
}).superRefine((p, context) => {
  checkLoop(p, context);
  for (const field of ["batch_size", "mini_batch_size"] as const) {
    if (p[field] % 2 === 0) continue;
    const message = "expected a multiple of 2, the responses to a prompt";
    context.addIssue({ code: "custom", path: [field], message, input: p });
  }
}).describe(
  "Online DPO: of two responses to a prompt the rewards prefer one; no value head.",
);

export type OnlineDpoSettings = z.infer<typeof schema>;

/** Two responses to a prompt, and what the reference says of them: log-probabilities of the whole, in nats. */
export interface PairSample extends LearnerSample {
  /** The preferred one first. */
  readonly sequence: readonly [chosen: Sequence, rejected: Sequence];
  /** Tokens of each. */
  readonly lengths: readonly [chosen: number, rejected: number];
  readonly refLogps: readonly [chosen: number, rejected: number];
}

export const onlineDpo = { settings: schema, open } satisfies AlgorithmPage;

function open(given: z.input<typeof schema>) {
  const settings = schema.parse(given);
  return {
    title: "Online DPO",
    settings,
    valueHead: false,
    responses: 2,
    perSample: 2,
    sharePrompts: settings.share_prompts,
    epochs: 1,
    klController: { kind: "fixed", value: settings.beta },
    klKind: "kl",
    targetKl: null,

    rewards: ({ scores }) => scores,

    /** Pairs: the response with the higher reward is preferred, the first of two that are equal. */
    samples({ sequences, offsets, logprobs, refLogprobs }, rewards) {
      const reference = sumPerSequence(refLogprobs, offsets);
      return Array.from({ length: sequences.length / 2 }, (_, pair): PairSample => {
        const [first, second] = [2 * pair, 2 * pair + 1];
        const [chosen, rejected] = rewards[first]! >= rewards[second]!
          ? [first, second]
          : [second, first];
        const old = [chosen, rejected].map((i) => partOf(logprobs, offsets, i));
        return {
          sequence: [sequences[chosen]!, sequences[rejected]!],
          oldLogprobs: joined(old),
          lengths: [old[0]!.length, old[1]!.length],
          refLogps: [reference[chosen]!, reference[rejected]!],
        };
      });
    },

    /** The mean over pairs of `-log sigmoid(beta (log-ratio of the chosen less that of the rejected))`. */
    loss({ graph, logprobs }) {
      const side = (name: string) => ({
        policy: sums(logprobs, graph.input(name, "float32", ["pairs", "tokens"])),
        reference: graph.input(`ref_${name}`, "float32", ["pairs"]),
      });
      const [chosen, rejected] = [side("chosen"), side("rejected")];
      return dpoLoss(
        { chosen: chosen.policy, rejected: rejected.policy },
        { chosen: chosen.reference, rejected: rejected.reference },
        settings.beta,
      );
    },

    feeds(samples) {
      const lengths = samples.flatMap((pair) => pair.lengths);
      const side = (at: 0 | 1) => ({
        membership: membershipOf(lengths, samples.map((_, i) => 2 * i + at)),
        reference: tensor(
          "float32",
          [samples.length],
          Float32Array.from(samples, ({ refLogps }) => refLogps[at]),
        ),
      });
      const [chosen, rejected] = [side(0), side(1)];
      return {
        ...{ chosen: chosen.membership, ref_chosen: chosen.reference },
        ...{ rejected: rejected.membership, ref_rejected: rejected.reference },
      };
    },
    count: ({ sequences }) => sequences.length / 2,

    minibatchStatistics: () => ({}),
    /** Over the tokens of responses alone: TRL's also sum what the model says of padding. */
    stepStatistics({ scores, kl, offsets, hasEos, klCoef: beta }) {
      const penalties = sumPerSequence(kl, offsets).map((nats) => -beta * nats);
      const margins = scores.flatMap((score, i) => i % 2 ? [Math.abs(score - scores[i - 1]!)] : []);
      return {
        "objective/non_score_reward": mean(penalties),
        "objective/rlhf_reward": mean(scores.map((score, i) => score + penalties[i]!)),
        "objective/scores": mean(scores),
        "objective/scores_margin": mean(margins),
        "val/contain_eos_token": mean(hasEos.map(Number)),
        "beta": beta,
      };
    },
  } satisfies Algorithm<PairSample>;
}
