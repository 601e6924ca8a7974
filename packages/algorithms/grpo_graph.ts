import { buildGradientGraph } from "@decorum/autodiff";
import { add, exp, mul, sub } from "@decorum/onnx";
import { buildPolicyGraph, type ModelGraph, type PolicySpec } from "@decorum/models";
import type { GroupClip } from "./group_losses.ts";
import { clippedRatio, meanOf } from "./clipped_ratio.ts";
import { clipStatistics, tokenStatistics } from "./group_statistics.ts";
import { lossScaleOf } from "@decorum/learning";

/**
 * GRPO's loss and gradients of one micro-batch (Shao et al. 2024, formula 3): the mean over its tokens of
 * `weights max(-A ratio, -A clip(ratio)) + kl_weights k3`. Further inputs `[tokens]`: `old_logprobs`,
 * `ref_logprobs`, `advantages`, `weights` (of the loss type) and `kl_weights` (beta times those). Outputs: `loss`,
 * statistics under their metrics' names, `logprobs`, and `<parameter>_grad` for each of `wrt`.
 */
export function buildGrpoGraph(
  spec: PolicySpec,
  { epsilon, epsilonHigh = epsilon, logRatioClamp }: GroupClip,
  wrt: readonly string[],
): ModelGraph {
  const forward = buildPolicyGraph(
    "grpo_update",
    { ...spec, valueHead: false },
    ({ graph, logprobs, entropy }) => {
      const token = (name: string) => graph.input(name, "float32", ["tokens"]);
      const [old, reference] = [token("old_logprobs"), token("ref_logprobs")];
      const [advantages, weights, klWeights] = [
        token("advantages"),
        token("weights"),
        token("kl_weights"),
      ];
      const { loss, statistics } = graph.scope("grpo", () => {
        const clip = { low: epsilon, high: epsilonHigh, logRatioClamp };
        const difference = sub(logprobs, old);
        const ratio = clippedRatio(difference, advantages, clip);
        const policy = mul(weights, ratio.loss);
        const behind = sub(reference, logprobs);
        const k3 = sub(sub(exp(behind), behind), 1);
        return {
          loss: meanOf(add(policy, mul(klWeights, k3))),
          statistics: {
            "ppo/loss/policy": meanOf(policy),
            ...clipStatistics(ratio),
            ...tokenStatistics(difference, entropy(), meanOf),
          },
        };
      });
      graph.output(loss, "loss");
      for (const [name, value] of Object.entries(statistics)) graph.output(value, name);
      graph.output(logprobs, "logprobs");
    },
  );
  const request = { loss: "loss", wrt, lossScale: lossScaleOf(spec) };
  return { graph: buildGradientGraph(forward.graph, request), files: forward.files };
}
