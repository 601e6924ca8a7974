import {
  buildClassifierGraph,
  type Classifier,
  classifierBatch,
  type ClassifierSpec,
  type ClassifierText,
  labelIndex,
  type ModelGraph,
  openClassifier,
} from "@decorum/models";
import {
  argMax,
  cast,
  equal,
  gather,
  gatherElements,
  greater,
  logSoftmax,
  neg,
  reduceMean,
  squeeze,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import { InputError, int64 } from "@decorum/tensor";
import { preferenceLoss } from "./dpo_loss.ts";
import { LearningSession, openRunner } from "./learning_session.ts";
import type { LearningTask } from "./learning_task.ts";
import type { Feeds } from "./runner.ts";
import { type TrainedModel, trainedModel } from "./trained_model.ts";

/** A text with its class. */
export interface LabelledText extends ClassifierText {
  /** Index of the class. */
  readonly label: number;
}

/** Two texts, the first preferred. */
export interface TextPair {
  readonly chosen: ClassifierText;
  readonly rejected: ClassifierText;
}

export type RewardExample = LabelledText | TextPair;

export interface RewardOptions extends TrainedModel {
  /** `labels`: cross entropy over classes; `pairs`: preference, `-log sigmoid(chosen - rejected)`. */
  readonly objective: "labels" | "pairs";
  /** Name of the label whose logit is the score of a pair; the first by default. */
  readonly scoreLabel?: string;
}

export type RewardSession = LearningSession<RewardExample>;

/**
 * A sequence classifier that learns classes of texts, or which of two texts is preferred. Trains a
 * LoRA adapter, or all weights.
 *
 * @throws InputError when the folder is no classifier, has no such label, or the adapter does not fit it
 */
export async function openReward(options: RewardOptions): Promise<RewardSession> {
  const { objective } = options;
  const model = openClassifier(options.model);
  const { config } = model;
  const scoreLabel = options.scoreLabel === undefined ? 0 : labelIndex(config, options.scoreLabel);
  const task: LearningTask<RewardExample> = {
    ...trainedModel(
      options,
      model,
      (spec) => buildRewardGraph({ ...spec, model, objective, scoreLabel }),
    ),
    reference: undefined,
    dropoutRows: (example, index) =>
      textsOf(example).map(({ ids }, side) => ({
        index: 2 * index + side,
        source: ids.length,
        target: 1,
      })),
    inputOf: (example) => example,
    lengths: (example) => [Math.max(1, ...textsOf(example).map(({ ids }) => ids.length))],
    nothing: undefined,
    batch: (examples) => ({
      feeds: rewardFeeds(examples, model),
      count: examples.length,
      read: () => [],
    }),
  };
  return new LearningSession(task, options, await openRunner(task, options));
}

/** What a reward model is made of. */
interface RewardSpec extends ClassifierSpec, Pick<RewardOptions, "objective"> {
  /** Index of the label whose logit is the score that pairs compare. */
  readonly scoreLabel: number;
}

/**
 * A classifier and its loss. Inputs: a classifier graph's; for labels `labels` `[batch]`; for pairs `chosen`
 * and `rejected` `[pairs]`, rows of the batch. Outputs `loss`, and `accuracy`: the share of texts whose label has
 * the largest logit, or of pairs whose chosen text scores higher.
 */
export function buildRewardGraph(spec: RewardSpec): ModelGraph {
  const { graph, files } = buildClassifierGraph(spec, (logits) => {
    const { loss, right } = spec.objective === "labels"
      ? classes(logits)
      : preferences(logits, spec.scoreLabel);
    logits.graph.output(loss, "loss");
    logits.graph.output(reduceMean(cast(right, "float32"), [0], false), "accuracy");
  });
  return { graph: { ...graph, name: "reward" }, files };
}

/** Mean over rows of `-log_softmax(logits)[label]`. @param logits `[rows, labels]` */
function classes(logits: Value) {
  const labels = logits.graph.input("labels", "int64", ["batch"]);
  const chosen = gatherElements(logSoftmax(logits, -1), unsqueeze(labels, [1]), 1);
  return {
    loss: neg(reduceMean(squeeze(chosen, [1]), [0], false)),
    right: equal(argMax(logits, 1, false), labels),
  };
}

/** How much higher each chosen text scores than the rejected one. */
function preferences(logits: Value, label: number) {
  const { graph } = logits;
  const scores = gather(logits, graph.scalar(label, "int64"), 1);
  const side = (name: string) => gather(scores, graph.input(name, "int64", ["pairs"]), 0);
  const [chosen, rejected] = [side("chosen"), side("rejected")];
  return {
    loss: reduceMean(preferenceLoss(chosen, rejected), [0], false),
    right: greater(chosen, rejected),
  };
}

/** Texts of an example, in the order in which a batch holds them. */
function textsOf(example: RewardExample): ClassifierText[] {
  return "label" in example ? [example] : [example.chosen, example.rejected];
}

/**
 * Feeds of a reward graph.
 *
 * @throws InputError when labelled texts and pairs are mixed; for an empty text, an id outside the vocabulary, a text
 * over the model's positions, an unknown label
 */
function rewardFeeds(examples: readonly RewardExample[], model: Classifier): Feeds {
  const { feeds } = classifierBatch(examples.flatMap(textsOf), model);
  const labelled = examples.filter((e) => "label" in e);
  if (labelled.length === 0) {
    const rows = (side: 0 | 1) => int64([examples.length], examples.map((_, i) => 2 * i + side));
    return { ...feeds, chosen: rows(0), rejected: rows(1) };
  }
  if (labelled.length < examples.length) {
    throw new InputError("Cannot mix labelled texts and pairs in one batch");
  }
  for (const [i, { label }] of labelled.entries()) {
    if (Number.isInteger(label) && label >= 0 && label < model.config.labels.length) continue;
    throw new InputError(
      `Cannot learn from text ${i}: its label is ${label}; expected 0 to ${
        model.config.labels.length - 1
      }`,
    );
  }
  return { ...feeds, labels: int64([labelled.length], labelled.map((e) => e.label)) };
}
