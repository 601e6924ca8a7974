/**
 * Proximal policy optimisation with a value head (Schulman et al. 2017; Ziegler et al. 2019), as TRL's `PPOTrainer` 0.11: every
 * token is an action.
 */
import { joinRows, type LearnerSample } from "@decorum/learning";
import { abs, add, and, clip, greater, max, mul, sub } from "@decorum/onnx";
import { InputError } from "@decorum/tensor";
import { z } from "zod";
import type { Algorithm, AlgorithmPage } from "./algorithm.ts";
import { clippedRatio, meanOf, policyShift, shareOf, square } from "./clipped_ratio.ts";
import { klControllerOf } from "./kl.ts";
import { mean, variance } from "./statistics.ts";
import { checkLoop, klSettings, loopSettings, ratioSettings } from "./settings.ts";
import { checkTokens, joined, type Offsets, partOf } from "./tokens.ts";

const fraction = z.number().min(0).max(1);

const schema = z.strictObject({
  ...loopSettings,
  ...ratioSettings,
  ...klSettings,
  ppo_epochs: z.int().positive().default(4)
    .meta({ description: "Epochs over a batch.", unit: "epochs" }),
  gamma: fraction.default(1).describe("Discount of later rewards."),
  lam: fraction.default(0.95).describe("Lambda of generalised advantage estimation."),
  cliprange: z.number().positive().default(0.2)
    .describe("Ratios are clipped to 1 - cliprange .. 1 + cliprange."),
  cliprange_value: z.number().positive().default(0.2)
    .describe("How far a value may move from the one at rollout before its loss is clipped."),
  vf_coef: z.number().nonnegative().default(0.1).describe("Weight of the value loss."),
  entropy_coef: z.number().nonnegative().default(0)
    .describe("Weight of the entropy, which is subtracted from the loss."),
  init_kl_coef: z.number().nonnegative().default(0.2)
    .describe("KL coefficient that a run begins with."),
  adap_kl_ctrl: z.boolean().default(true)
    .describe("Whether the KL coefficient is steered towards `target`."),
  kl_penalty: z.enum(["kl", "abs", "mse", "k3", "full"]).default("kl").describe(
    "How the KL of a token is estimated. full: exactly, over the whole vocabulary, by one more forward pass of both models.",
  ),
  whiten_rewards: z.boolean().default(false)
    .describe("Whether the rewards of a batch are scaled to unit variance."),
  value_warmup_steps: z.int().nonnegative().default(0)
    .meta({ description: "First steps, in which only the value head learns.", unit: "steps" }),
}).superRefine(checkLoop).describe("Proximal policy optimisation, with a value head.");

export type PpoSettings = z.infer<typeof schema>;

/** What one response teaches; arrays are `[tokens]` of it. */
export interface PpoSample extends LearnerSample {
  readonly oldValues: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
}

export const ppo = { settings: schema, open } satisfies AlgorithmPage;

function open(given: z.input<typeof schema>) {
  const settings = schema.parse(given);
  return {
    title: "PPO",
    settings,
    valueHead: true,
    responses: 1,
    perSample: 1,
    sharePrompts: false,
    epochs: settings.ppo_epochs,
    klController: klControllerOf(settings, settings.init_kl_coef),
    klTarget: settings.target,
    klKind: settings.kl_penalty,
    targetKl: settings.target_kl,
    warmsUp: (step) => step < settings.value_warmup_steps,

    /** `-kl_coef KL` of every token, and the score at the last of its response. */
    rewards({ kl, klCoef, scores, offsets }) {
      const rewards = kl.map((nats) => -klCoef * nats);
      scores.forEach((score, i) => rewards[offsets[i + 1]! - 1]! += score);
      return rewards;
    },

    /** GAE, whitened over the whole batch. */
    samples({ sequences, offsets, logprobs, values }, rewards: Float32Array) {
      const earned = settings.whiten_rewards ? whiten(rewards, { shiftMean: false }) : rewards;
      const { advantages, returns } = gae(earned, values, offsets, settings);
      const whitened = whiten(advantages);
      return sequences.map((sequence, i): PpoSample => ({
        sequence,
        oldLogprobs: partOf(logprobs, offsets, i),
        oldValues: partOf(values, offsets, i),
        advantages: partOf(whitened, offsets, i),
        returns: partOf(returns, offsets, i),
      }));
    },

    /** Clipped policy and value losses; the value loss reaches the adapter too. */
    loss({ graph, logprobs, values, ...policy }) {
      if (!values) throw new Error("internal: the PPO graph has no value head");
      const { cliprange, cliprange_value, vf_coef, entropy_coef, log_ratio_clamp } = settings;
      const entropy = policy.entropy();
      const token = (name: string) => graph.input(name, "float32", ["tokens"]);
      const [oldLogprobs, advantages] = [token("old_logprobs"), token("advantages")];
      const [oldValues, returns] = [token("old_values"), token("returns")];

      const difference = sub(logprobs, oldLogprobs);
      const range = { low: cliprange, high: cliprange, log_ratio_clamp };
      const ratio = clippedRatio(difference, advantages, range);
      const pgLoss = meanOf(ratio.loss);

      const moved = sub(values, oldValues);
      const near = add(oldValues, clip(moved, -cliprange_value, cliprange_value));
      const [free, bounded] = [square(sub(values, returns)), square(sub(near, returns))];
      const vfLoss = mul(meanOf(max(free, bounded)), 0.5);
      // Where nothing is cut off the two errors differ by rounding alone.
      const valueClipped = and(greater(abs(moved), cliprange_value), greater(bounded, free));

      const both = add(pgLoss, mul(vfLoss, vf_coef));
      const meanEntropy = meanOf(entropy);
      const { approxkl, policykl } = policyShift(difference);
      return {
        loss: entropy_coef === 0 ? both : sub(both, mul(meanEntropy, entropy_coef)),
        statistics: {
          "ppo/loss/policy": pgLoss,
          "ppo/loss/value": vfLoss, // not scaled by vf_coef
          "ppo/policy/entropy": meanEntropy,
          "ppo/policy/approxkl": meanOf(approxkl),
          "ppo/policy/policykl": meanOf(policykl),
          "ppo/policy/clipfrac": shareOf(ratio.clipped),
          "ppo/val/vpred": meanOf(values),
          "ppo/val/error": meanOf(free),
          "ppo/val/clipfrac": shareOf(valueClipped),
        },
      };
    },

    feeds: (samples) => ({
      old_logprobs: joinRows(samples.map((s) => s.oldLogprobs)),
      old_values: joinRows(samples.map((s) => s.oldValues)),
      advantages: joinRows(samples.map((s) => s.advantages)),
      returns: joinRows(samples.map((s) => s.returns)),
    }),
    count: ({ tokens }) => tokens,

    minibatchStatistics(samples) {
      const returns = joined(samples.map((s) => s.returns));
      const oldValues = joined(samples.map((s) => s.oldValues));
      return {
        "ppo/policy/advantages_mean": mean(joined(samples.map((s) => s.advantages))),
        "ppo/returns/mean": mean(returns),
        "ppo/returns/var": variance(returns),
        "ppo/val/mean": mean(oldValues),
        "ppo/val/var": variance(oldValues),
      };
    },
    stepStatistics({ kl, klCoef }, _, averages) {
      const [error, spread] = [averages["ppo/val/error"]!, averages["ppo/returns/var"]!];
      return {
        "ppo/mean_non_score_reward": mean(kl.map((nats) => -klCoef * nats)),
        // 0 where the returns do not vary: PyTorch would say NaN or infinity.
        "ppo/val/var_explained": spread > 0 ? 1 - error / spread : 0,
      };
    },
  } satisfies Algorithm<PpoSample>;
}

/** Advantages and returns of every token, `[tokens]`. */
interface Gae {
  readonly advantages: Float32Array;
  /** Targets of the value head: advantages + values. */
  readonly returns: Float32Array;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016), backwards from the last token of each sequence:
 * `delta = r[t] + gamma V[t+1] - V[t]`, `A[t] = delta + gamma lam A[t+1]`, `returns = A + V`; V is 0 beyond the end.
 *
 * @param rewards `[tokens]` @param values `[tokens]`
 * @throws InputError when lengths differ, or `gamma` or `lam` is not in [0, 1]
 */
export function gae(
  rewards: Float32Array,
  values: Float32Array,
  offsets: Offsets,
  { gamma, lam }: { readonly gamma: number; readonly lam: number },
): Gae {
  checkTokens({ rewards, values }, offsets.at(-1)!);
  for (const [field, x] of Object.entries({ gamma, lam })) {
    if (!(x >= 0 && x <= 1)) throw new InputError(`${field} is ${x}: expected a number in [0, 1]`);
  }
  const advantages = new Float32Array(rewards.length);
  const returns = new Float32Array(rewards.length);
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    let nextAdvantage = 0;
    let nextValue = 0;
    for (let t = offsets[sequence + 1]! - 1; t >= offsets[sequence]!; t--) {
      const value = values[t]!;
      nextAdvantage = rewards[t]! + gamma * nextValue - value + gamma * lam * nextAdvantage;
      nextValue = value;
      advantages[t] = nextAdvantage;
      returns[t] = nextAdvantage + value;
    }
  }
  return { advantages, returns };
}

/** Added to the variance, as TRL does. */
const VARIANCE_EPSILON = 1e-8;

/**
 * `(x - mean) / sqrt(variance + 1e-8)` over all tokens, as TRL's `masked_whiten`; the variance is unbiased. Call it before
 * the batch is cut into mini-batches.
 *
 * @param values `[tokens]`
 * @param options.shiftMean false adds the mean back, which is how rewards are whitened; default true
 * @throws InputError for fewer than 2 tokens
 */
export function whiten(
  values: Float32Array,
  { shiftMean = true }: { readonly shiftMean?: boolean } = {},
): Float32Array {
  if (values.length < 2) {
    throw new InputError(
      `Cannot whiten ${values.length} token(s): expected at least 2; use a larger batch`,
    );
  }
  const centre = mean(values);
  const count = values.length;
  const squares = Float64Array.from(values, (x) => (x - centre) ** 2);
  const scale = 1 / Math.sqrt(mean(squares) * count / (count - 1) + VARIANCE_EPSILON);
  const back = shiftMean ? 0 : centre;
  return values.map((x) => (x - centre) * scale + back);
}
