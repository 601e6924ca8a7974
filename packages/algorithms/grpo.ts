/**
 * Group relative policy optimisation (Shao et al. 2024, algorithm 1), as TRL's `GRPOTrainer`: responses to a prompt are
 * compared with each other, every token of one gets its advantage, and the KL to the reference (k3) is a part of the loss.
 */
import { joinRows, type LearnerSample } from "@decorum/learning";
import { add, exp, mul, sub } from "@decorum/onnx";
import { z } from "zod";
import type { Algorithm, AlgorithmPage } from "./algorithm.ts";
import { clippedRatio, clipStatistics, meanOf, policyShift } from "./clipped_ratio.ts";
import { groupStatistics, perGroup, STD_EPSILON } from "./groups.ts";
import { klControllerOf } from "./kl.ts";
import { mean, std } from "./statistics.ts";
import { checkGroups, checkLoop, groupSettings } from "./settings.ts";
import { partOf } from "./tokens.ts";

const schema = z.strictObject({
  ...groupSettings,
  num_generations: z.int().min(2).default(8).describe(
    "Responses to a prompt. A step has batch_size / num_generations prompts.",
  ),
  micro_batch_size: z.int().positive().default(8).meta({
    description:
      "Responses in one run of the gradient graph: it bounds memory, not results. With num_generations or more, a prompt is encoded once.",
    unit: "responses",
  }),
  beta: z.number().nonnegative().default(0.04)
    .describe("Weight of the KL to the reference (k3) in the loss."),
  loss_type: z.enum(["grpo", "bnpo", "dr_grpo"]).default("bnpo").describe(
    "How tokens add up. bnpo: the mean over the mini-batch's tokens (TRL's dapo). grpo: the mean of each response's mean. " +
      "dr_grpo: the sum over mini_batch_size x max_new_tokens.",
  ),
  scale_rewards: z.enum(["group", "batch", "none"]).default("group").describe(
    "What advantages are divided by: the standard deviation of their group, of the batch, or nothing.",
  ),
}).superRefine((p, context) => {
  checkLoop(p, context);
  checkGroups(p, "num_generations", p.num_generations, context);
}).describe(
  "Group relative policy optimisation: responses to a prompt are compared with each other; no value head.",
);

export type GrpoSettings = z.infer<typeof schema>;

/** What one response teaches. */
export interface GrpoSample extends LearnerSample {
  /** Of its tokens. */
  readonly refLogprobs: Float32Array;
  /** Of the whole response. */
  readonly advantage: number;
  /** Weight of the KL in the loss. */
  readonly beta: number;
}

export const grpo = { settings: schema, open } satisfies AlgorithmPage;

function open(given: z.input<typeof schema>) {
  const settings = schema.parse(given);
  return {
    title: "GRPO",
    settings,
    valueHead: false,
    responses: settings.num_generations,
    perSample: 1,
    sharePrompts: settings.share_prompts,
    epochs: settings.num_iterations,
    klController: klControllerOf(settings, settings.beta),
    klTarget: settings.target,
    targetKl: settings.target_kl,
    klKind: "k3",

    rewards: ({ scores }) => scores,

    /** Rewards less the mean of their group, over a deviation ("none" is Dr. GRPO's, Liu et al. 2025). */
    samples({ sequences, offsets, logprobs, refLogprobs, klCoef }, rewards) {
      const { num_generations, scale_rewards } = settings;
      const batchStd = std(rewards);
      const advantages = perGroup(rewards, num_generations, (group) => {
        const centre = mean(group);
        const scale = scale_rewards === "none"
          ? 1
          : 1 / ((scale_rewards === "group" ? std(group) : batchStd) + STD_EPSILON);
        return group.map((reward) => (reward - centre) * scale);
      });
      return sequences.map((sequence, i): GrpoSample => ({
        sequence,
        oldLogprobs: partOf(logprobs, offsets, i),
        refLogprobs: partOf(refLogprobs, offsets, i),
        advantage: advantages[i]!,
        beta: klCoef,
      }));
    },

    /** Formula 3: the mean over tokens of `weights max(-A ratio, -A clip(ratio)) + kl_weights k3`. */
    loss({ graph, logprobs, entropy }) {
      const { epsilon, epsilon_high, log_ratio_clamp } = settings;
      const token = (name: string) => graph.input(name, "float32", ["tokens"]);
      const [old, reference] = [token("old_logprobs"), token("ref_logprobs")];
      const [advantages, weights] = [token("advantages"), token("weights")];
      const klWeights = token("kl_weights");

      const difference = sub(logprobs, old);
      const range = { low: epsilon, high: epsilon_high ?? epsilon, log_ratio_clamp };
      const ratio = clippedRatio(difference, advantages, range);
      const policy = mul(weights, ratio.loss);
      const behind = sub(reference, logprobs);
      const k3 = sub(sub(exp(behind), behind), 1);
      const { approxkl, policykl } = policyShift(difference);
      return {
        loss: meanOf(add(policy, mul(klWeights, k3))),
        statistics: {
          "ppo/loss/policy": meanOf(policy), // without the KL
          ...clipStatistics(ratio),
          "ppo/policy/entropy": meanOf(entropy()),
          "ppo/policy/approxkl": meanOf(approxkl),
          "ppo/policy/policykl": meanOf(policykl),
        },
      };
    },

    feeds(samples, { all, atReference }) {
      const weights = tokenWeights(all.map(({ oldLogprobs: { length } }) => length), settings);
      const weightOf = new Map(all.map((sample, i) => [sample, weights[i]!]));
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

    minibatchStatistics: (samples) => ({
      "ppo/policy/advantages_mean": mean(samples.map((s) => s.advantage)),
    }),
    stepStatistics: ({ scores, kl }, rewards) =>
      groupStatistics(rewards, scores, kl, settings.num_generations),
  } satisfies Algorithm<GrpoSample>;
}

/**
 * Weight of each token of a response, so that the mean over all tokens of a mini-batch of weight times loss is the loss of
 * the type. A mini-batch is all that one update is made of, so TRL's "dapo" is "bnpo" here.
 *
 * @param lengths tokens of every response of the mini-batch
 * @returns one for each response
 */
function tokenWeights(
  lengths: readonly number[],
  { loss_type, length_sampler, max_new_tokens }: GrpoSettings,
): number[] {
  if (loss_type === "bnpo") return lengths.map(() => 1);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const longest = length_sampler ? length_sampler.max - 1 : max_new_tokens;
  return lengths.map((length) =>
    tokens / (lengths.length * (loss_type === "grpo" ? Math.max(1, length) : longest))
  );
}
