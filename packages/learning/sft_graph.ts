import { buildGradientGraph } from "@decorum/autodiff";
import { buildPolicyGraph, type ModelGraph, type PolicySpec } from "@decorum/models";
import { neg, reduceMean } from "@decorum/onnx";
import { lossScaleOf } from "./loss_scale.ts";

/**
 * Teacher forcing: outputs `loss`, the mean negative log-likelihood over the counted tokens, in nats, and
 * `logprobs` `[tokens]`. Inputs are a policy graph's.
 */
export function buildSftForwardGraph(spec: PolicySpec): ModelGraph {
  return buildPolicyGraph("sft_forward", spec, ({ graph, logprobs }) => {
    graph.output(neg(reduceMean(logprobs, [0], false)), "loss");
    graph.output(logprobs, "logprobs");
  });
}

/** The same with `<parameter>_grad` for each of `wrt`. */
export function buildSftGraph(spec: PolicySpec, wrt: readonly string[]): ModelGraph {
  const { graph, files } = buildSftForwardGraph(spec);
  const update = buildGradientGraph(graph, {
    loss: "loss",
    wrt,
    lossScale: lossScaleOf(spec),
  });
  return { graph: { ...update, name: "sft_update" }, files };
}
