/**
 * REINFORCE leave one out (Kool et al. 2019; Ahmadian et al. 2024), as TRL's `RLOOTrainer`: a response is one action, its reward the
 * score less the KL to the reference (k1, summed over its tokens), its baseline the mean reward of the others to the prompt.
 */
import {
  joinRows,
  type LearnerSample,
  membershipOf,
  sumPerSequence as sums,
} from "@decorum/learning";
import { mul, sub, type Value } from "@decorum/onnx";
import { float32, tensor } from "@decorum/tensor";
import { z } from "zod";
import type { Algorithm, AlgorithmPage } from "./algorithm.ts";
import { clippedRatio, clipStatistics, meanOf, policyShift } from "./clipped_ratio.ts";
import { groupStatistics, perGroup, STD_EPSILON } from "./groups.ts";
import { klControllerOf } from "./kl.ts";
import { mean, std } from "./statistics.ts";
import { checkGroups, checkLoop, groupSettings } from "./settings.ts";
import { partOf, sumPerSequence } from "./tokens.ts";

const schema = z.strictObject({
  ...groupSettings,
  rloo_k: z.int().min(2).default(2).describe(
    "Responses to a prompt (num_generations of TRL 1.x). A step has batch_size / rloo_k prompts.",
  ),
  beta: z.number().nonnegative().default(0.05)
    .describe("Weight of the KL to the reference (k1, summed over a response) in its reward."),
  normalize_advantages: z.boolean().default(false).describe(
    "Whether advantages are centred over the batch and divided by their standard deviation.",
  ),
}).superRefine((p, context) => {
  checkLoop(p, context);
  checkGroups(p, "rloo_k", p.rloo_k, context);
}).describe(
  "REINFORCE leave one out: a whole response is one action, compared with the others to its prompt; no value head.",
);

export type RlooSettings = z.infer<typeof schema>;

/** What one response teaches. */
export interface RlooSample extends LearnerSample {
  /** Of the whole response. */
  readonly advantage: number;
}

export const rloo = { settings: schema, open } satisfies AlgorithmPage;

function open(given: z.input<typeof schema>) {
  const settings = schema.parse(given);
  return {
    title: "RLOO",
    settings,
    valueHead: false,
    responses: settings.rloo_k,
    perSample: 1,
    sharePrompts: settings.share_prompts,
    epochs: settings.num_iterations,
    klController: klControllerOf(settings, settings.beta),
    klTarget: settings.target,
    targetKl: settings.target_kl,
    klKind: "kl",

    /** Scores less the KL penalty of the whole response. */
    rewards({ scores, kl, offsets, klCoef }) {
      const penalties = sumPerSequence(kl, offsets);
      return scores.map((score, i) => score - klCoef * penalties[i]!);
    },

    /** Rewards less the mean of the others of their group. */
    samples({ sequences, offsets, logprobs }, rewards) {
      const advantages = perGroup(rewards, settings.rloo_k, (group) => {
        const sum = group.reduce((total, reward) => total + reward, 0);
        return group.map((reward) => reward - (sum - reward) / (settings.rloo_k - 1));
      });
      const shaped = settings.normalize_advantages ? normalized(advantages) : advantages;
      return sequences.map((sequence, i): RlooSample => ({
        sequence,
        oldLogprobs: partOf(logprobs, offsets, i),
        advantage: shaped[i]!,
      }));
    },

    /**
     * The mean over responses of `max(-A ratio, -A clip(ratio))`; the logarithm of a response's ratio is the sum over its tokens.
     */
    loss({ graph, logprobs, entropy }) {
      const { epsilon, epsilon_high, log_ratio_clamp } = settings;
      const old = graph.input("old_logprobs", "float32", ["tokens"]);
      const membership = graph.input("membership", "float32", ["sequences", "tokens"]);
      const advantages = graph.input("advantages", "float32", ["sequences"]);
      // Responses over tokens of the whole mini-batch: for means over tokens.
      const tokenShare = graph.input("token_share", "float32", []);

      const difference = sub(logprobs, old);
      const range = { low: epsilon, high: epsilon_high ?? epsilon, log_ratio_clamp };
      const ratio = clippedRatio(sums(difference, membership), advantages, range);
      const loss = meanOf(ratio.loss);
      const overTokens = (tokens: Value) => mul(meanOf(sums(tokens, membership)), tokenShare);
      const { approxkl, policykl } = policyShift(difference);
      return {
        loss,
        statistics: {
          "ppo/loss/policy": loss,
          ...clipStatistics(ratio),
          "ppo/policy/entropy": overTokens(entropy()),
          "ppo/policy/approxkl": overTokens(approxkl),
          "ppo/policy/policykl": overTokens(policykl),
        },
      };
    },

    feeds(samples, { all }) {
      const lengths = (of: readonly RlooSample[]) => of.map((s) => s.oldLogprobs.length);
      const advantages = Float32Array.from(samples, (s) => s.advantage);
      return {
        old_logprobs: joinRows(samples.map((s) => s.oldLogprobs)),
        membership: membershipOf(lengths(samples)),
        advantages: tensor("float32", [samples.length], advantages),
        token_share: float32([], [all.length / lengths(all).reduce((sum, n) => sum + n, 0)]),
      };
    },
    count: ({ sequences }) => sequences.length,

    minibatchStatistics: (samples) => ({
      "ppo/policy/advantages_mean": mean(samples.map((s) => s.advantage)),
    }),
    stepStatistics: ({ scores, kl }, rewards) =>
      groupStatistics(rewards, scores, kl, settings.rloo_k),
  } satisfies Algorithm<RlooSample>;
}

/** Centred over the batch, and divided by their deviation. */
function normalized(advantages: number[]): number[] {
  if (advantages.every((a) => a === 0)) return advantages;
  const [centre, scale] = [mean(advantages), 1 / (std(advantages) + STD_EPSILON)];
  return advantages.map((a) => (a - centre) * scale);
}
