import { buildGradientGraph } from "@decorum/autodiff";
import { add, clip, max, mul, reduceMean, sub, type Value } from "@decorum/onnx";
import { buildPolicyGraph, type ModelGraph, type PolicySpec } from "@decorum/models";
import { clippedSurrogate } from "./clipped_surrogate.ts";
import { lossScaleOf } from "@decorum/learning";

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

const mean = (x: Value) => reduceMean(x, [0], false);
const square = (x: Value) => mul(x, x);

/**
 * Clipped policy and value losses over the tokens given (Schulman et al. 2017; TRL's `PPOTrainer.loss`).
 * The value loss reaches the shared weights too.
 *
 * @returns scalars; `loss = pgLoss + vfCoef vfLoss - entropyCoef mean(entropy)`
 */
export function ppoLoss(
  policy: { readonly logprobs: Value; readonly values: Value; readonly entropy: Value },
  targets: PpoTargets,
  config: PpoLossConfig,
): { readonly loss: Value; readonly pgLoss: Value; readonly vfLoss: Value } {
  const { cliprange, cliprangeValue, logRatioClamp, entropyCoef = 0 } = config;
  const range = { low: cliprange, high: cliprange, logRatioClamp };
  const difference = sub(policy.logprobs, targets.oldLogprobs);
  const pgLoss = mean(clippedSurrogate(difference, targets.advantages, range));
  const bounded = keepNear(policy.values, targets.oldValues, cliprangeValue);
  const vfLoss = mul(
    mean(max(square(sub(policy.values, targets.returns)), square(sub(bounded, targets.returns)))),
    0.5,
  );
  const both = add(pgLoss, mul(vfLoss, config.vfCoef));
  const loss = entropyCoef === 0 ? both : sub(both, mul(mean(policy.entropy), entropyCoef));
  return { loss, pgLoss, vfLoss };
}

/** `x` kept within `width` of `centre`. */
function keepNear(x: Value, centre: Value, width: number): Value {
  return add(centre, clip(sub(x, centre), -width, width));
}

/**
 * Loss and gradients of one micro-batch. Further inputs `[tokens]`: `old_logprobs`, `advantages`,
 * `old_values`, `returns`. Outputs: `loss`, `pg_loss`, `vf_loss`, `logprobs`, `values`, `entropy`, and
 * `<parameter>_grad` for each of `wrt`.
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
    const { loss, pgLoss, vfLoss } = graph.scope(
      "ppo",
      () => ppoLoss({ logprobs, values, entropy }, targets, config),
    );
    graph.output(loss, "loss");
    graph.output(pgLoss, "pg_loss");
    graph.output(vfLoss, "vf_loss");
    graph.output(logprobs, "logprobs");
    graph.output(values, "values");
    graph.output(entropy, "entropy");
  });
  const request = { loss: "loss", wrt, lossScale: lossScaleOf(spec) };
  return { graph: buildGradientGraph(forward.graph, request), files: forward.files };
}
