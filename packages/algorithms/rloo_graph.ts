import { buildGradientGraph } from "@decorum/autodiff";
import { matmul, reduceMean, squeeze, sub, unsqueeze } from "@decorum/onnx";
import { buildPolicyGraph, type ModelGraph, type PolicySpec } from "@decorum/models";
import type { GroupClip } from "./group_losses.ts";
import { clippedSurrogate } from "./clipped_surrogate.ts";
import { lossScaleOf } from "@decorum/learning";

/**
 * RLOO's loss and gradients of one micro-batch (Ahmadian et al. 2024): a response is one action, the logarithm of its
 * ratio the sum over its tokens; the mean over sequences of `max(-A ratio, -A clip(ratio))`. Further inputs:
 * `old_logprobs` `[tokens]`, `membership` `[sequences, tokens]` (1 where a token is of a sequence), `advantages`
 * `[sequences]`. Outputs: `loss`, `logprobs`, `entropy`, and `<parameter>_grad` for each of `wrt`.
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
      const loss = graph.scope("rloo", () => {
        const differences = unsqueeze(sub(logprobs, old), [1]);
        const logRatio = squeeze(matmul(membership, differences), [1]);
        const clip = { low: epsilon, high: epsilonHigh, logRatioClamp };
        return reduceMean(clippedSurrogate(logRatio, advantages, clip), [0], false);
      });
      graph.output(loss, "loss");
      graph.output(logprobs, "logprobs");
      graph.output(entropy(), "entropy");
    },
  );
  const request = { loss: "loss", wrt, lossScale: lossScaleOf(spec) };
  return { graph: buildGradientGraph(forward.graph, request), files: forward.files };
}
