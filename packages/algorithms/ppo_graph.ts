import { buildGradientGraph } from "@decorum/autodiff";
import { lossScaleOf } from "@decorum/learning";
import { buildPolicyGraph, type ModelGraph, type PolicySpec } from "@decorum/models";
import { abs, add, and, clip, greater, max, mul, sub, type Value } from "@decorum/onnx";
import { clippedRatio, meanOf, policyShift, shareOf } from "./clipped_ratio.ts";

/** The PPO loss's constants, under the field's names. */
export interface PpoLossConfig {
  readonly cliprange: number;
  readonly cliprangeValue: number;
  readonly vfCoef: number;
  /** Weight of the entropy bonus; default 0. */
  readonly entropyCoef?: number;
  /** Limit on |logprob - oldLogprob| before `exp`; default none. */
  readonly logRatioClamp?: number;
}

/** Per-token values that the loss compares with, `[tokens]` each. */
export interface PpoTargets {
  readonly oldLogprobs: Value;
  readonly advantages: Value;
  readonly oldValues: Value;
  readonly returns: Value;
}

const square = (x: Value) => mul(x, x);

/**
 * Clipped policy and value losses over the tokens given (Schulman et al. 2017; TRL's `PPOTrainer.loss`).
 * The value loss reaches the shared weights too.
 *
 * @returns scalars: `loss = policy + vfCoef value - entropyCoef mean(entropy)`, and `statistics` under their metrics' names;
 * the value loss among them is not scaled by `vfCoef`
 */
export function ppoLoss(
  policy: { readonly logprobs: Value; readonly values: Value; readonly entropy: Value },
  targets: PpoTargets,
  config: PpoLossConfig,
): { readonly loss: Value; readonly statistics: Readonly<Record<string, Value>> } {
  const { cliprange, cliprangeValue, logRatioClamp, entropyCoef = 0 } = config;
  const { oldValues, returns } = targets;
  const difference = sub(policy.logprobs, targets.oldLogprobs);
  const range = { low: cliprange, high: cliprange, logRatioClamp };
  const ratio = clippedRatio(difference, targets.advantages, range);
  const pgLoss = meanOf(ratio.loss);
  const moved = sub(policy.values, oldValues);
  const near = add(oldValues, clip(moved, -cliprangeValue, cliprangeValue));
  const [free, bounded] = [square(sub(policy.values, returns)), square(sub(near, returns))];
  const vfLoss = mul(meanOf(max(free, bounded)), 0.5);
  const both = add(pgLoss, mul(vfLoss, config.vfCoef));
  const entropy = meanOf(policy.entropy);
  const { approxkl, policykl } = policyShift(difference);
  return {
    loss: entropyCoef === 0 ? both : sub(both, mul(entropy, entropyCoef)),
    statistics: {
      "ppo/loss/policy": pgLoss,
      "ppo/loss/value": vfLoss,
      "ppo/policy/entropy": entropy,
      "ppo/policy/approxkl": meanOf(approxkl),
      "ppo/policy/policykl": meanOf(policykl),
      "ppo/policy/clipfrac": shareOf(ratio.clipped),
      "ppo/val/vpred": meanOf(policy.values),
      "ppo/val/error": meanOf(free),
      // Where nothing is cut off the two errors differ by rounding alone.
      "ppo/val/clipfrac": shareOf(and(greater(abs(moved), cliprangeValue), greater(bounded, free))),
    },
  };
}

/**
 * Loss and gradients of one micro-batch. Further inputs `[tokens]`: `old_logprobs`, `advantages`, `old_values`,
 * `returns`. Outputs: `loss`, the statistics of {@link ppoLoss}, `logprobs`, and `<parameter>_grad` for each of `wrt`.
 */
export function buildPpoGraph(
  spec: PolicySpec,
  config: PpoLossConfig,
  wrt: readonly string[],
): ModelGraph {
  const forward = buildPolicyGraph("ppo_update", { ...spec, valueHead: true }, (policy) => {
    const { graph, logprobs, values } = policy;
    const entropy = policy.entropy();
    if (!values) throw new Error("internal: the PPO graph has no value head");
    const token = (name: string) => graph.input(name, "float32", ["tokens"]);
    const targets = {
      oldLogprobs: token("old_logprobs"),
      advantages: token("advantages"),
      oldValues: token("old_values"),
      returns: token("returns"),
    };
    const { loss, statistics } = graph.scope(
      "ppo",
      () => ppoLoss({ logprobs, values, entropy }, targets, config),
    );
    graph.output(loss, "loss");
    for (const [name, value] of Object.entries(statistics)) graph.output(value, name);
    graph.output(logprobs, "logprobs");
  });
  const request = { loss: "loss", wrt, lossScale: lossScaleOf(spec) };
  return { graph: buildGradientGraph(forward.graph, request), files: forward.files };
}
