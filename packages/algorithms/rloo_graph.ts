import { buildGradientGraph } from "@decorum/autodiff";
import { matmul, mul, squeeze, sub, unsqueeze, type Value } from "@decorum/onnx";
import { buildPolicyGraph, type ModelGraph, type PolicySpec } from "@decorum/models";
import type { GroupClip } from "./group_losses.ts";
import { clippedRatio, meanOf } from "./clipped_ratio.ts";
import { clipStatistics, tokenStatistics } from "./group_statistics.ts";
import { lossScaleOf } from "@decorum/learning";

/**
 * RLOO's loss and gradients of one micro-batch (Ahmadian et al. 2024): a response is one action, the logarithm of its
 * ratio the sum over its tokens; the mean over sequences of `max(-A ratio, -A clip(ratio))`. Further inputs:
 * `old_logprobs` `[tokens]`, `membership` `[sequences, tokens]` (1 where a token is of a sequence), `advantages`
 * `[sequences]`, `token_share` `[]` (sequences over tokens of the whole mini-batch, for means over tokens). Outputs: `loss`,
 * statistics under their metrics' names, `logprobs`, and `<parameter>_grad` for each of `wrt`.
 */
export function buildRlooGraph(
  spec: PolicySpec,
  { epsilon, epsilonHigh = epsilon, logRatioClamp }: GroupClip,
  wrt: readonly string[],
): ModelGraph {
  const forward = buildPolicyGraph(
    "rloo_update",
    { ...spec, valueHead: false },
    ({ graph, logprobs, entropy }) => {
      const old = graph.input("old_logprobs", "float32", ["tokens"]);
      const membership = graph.input("membership", "float32", ["sequences", "tokens"]);
      const advantages = graph.input("advantages", "float32", ["sequences"]);
      const tokenShare = graph.input("token_share", "float32", []);
      const { loss, statistics } = graph.scope("rloo", () => {
        const sums = (tokens: Value) => squeeze(matmul(membership, unsqueeze(tokens, [1])), [1]);
        const difference = sub(logprobs, old);
        const clip = { low: epsilon, high: epsilonHigh, logRatioClamp };
        const ratio = clippedRatio(sums(difference), advantages, clip);
        const loss = meanOf(ratio.loss);
        const overTokens = (tokens: Value) => mul(meanOf(sums(tokens)), tokenShare);
        return {
          loss,
          statistics: {
            "ppo/loss/policy": loss,
            ...clipStatistics(ratio),
            ...tokenStatistics(difference, entropy(), overTokens),
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
