import { buildGradientGraph } from "@decorum/autodiff";
import { buildClassifierGraph, type ClassifierSpec, type ModelGraph } from "@decorum/models";
import {
  concat,
  gather,
  gatherElements,
  logSoftmax,
  neg,
  reduceMean,
  squeeze,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import { lossScaleOf } from "./loss_scale.ts";

/** What a reward model is made of. */
export interface RewardSpec extends ClassifierSpec {
  /** `labels`: cross entropy; `pairs`: the preferred text of each pair scores higher. */
  readonly objective: "labels" | "pairs";
  /** Index of the label whose logit is the score that pairs compare. */
  readonly scoreLabel: number;
}

/** Mean over rows of `-log_softmax(logits)[label]`. @param logits `[rows, labels]` @param labels `[rows]` */
function crossEntropy(logits: Value, labels: Value): Value {
  const chosen = gatherElements(logSoftmax(logits, -1), unsqueeze(labels, [1]), 1);
  return neg(reduceMean(squeeze(chosen, [1]), [0], false));
}

/**
 * A classifier and its loss. Inputs: a classifier graph's; for labels `labels` `[batch]`; for pairs `chosen`
 * and `rejected` `[pairs]`, rows of the batch. Outputs `loss` and `logits` `[batch, labels]`.
 *
 * The pair loss `-log sigmoid(chosen - rejected)` (Bradley and Terry; Stiennon et al. 2020) is the cross
 * entropy of the two scores against the first: it neither overflows nor rounds to log 0.
 */
export function buildRewardForwardGraph(spec: RewardSpec): ModelGraph {
  const { graph, files } = buildClassifierGraph(spec, (logits) => {
    const { graph } = logits;
    const loss = spec.objective === "labels"
      ? crossEntropy(logits, graph.input("labels", "int64", ["batch"]))
      : pairLoss(logits, spec.scoreLabel);
    graph.output(loss, "loss");
    graph.output(logits, "logits");
  });
  return { graph: { ...graph, name: "reward_forward" }, files };
}

function pairLoss(logits: Value, label: number): Value {
  const { graph } = logits;
  const scores = gather(logits, graph.scalar(label, "int64"), 1);
  const side = (name: string) =>
    unsqueeze(gather(scores, graph.input(name, "int64", ["pairs"]), 0), [1]);
  const both = logSoftmax(concat([side("chosen"), side("rejected")], 1), -1);
  return neg(reduceMean(gather(both, graph.scalar(0, "int64"), 1), [0], false));
}

/** The same with `<parameter>_grad` for each of `wrt`. */
export function buildRewardGraph(spec: RewardSpec, wrt: readonly string[]): ModelGraph {
  const { graph, files } = buildRewardForwardGraph(spec);
  const update = buildGradientGraph(graph, {
    loss: "loss",
    wrt,
    lossScale: lossScaleOf(spec),
  });
  return { graph: { ...update, name: "reward_update" }, files };
}
