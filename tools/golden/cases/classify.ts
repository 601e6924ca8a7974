import { join } from "node:path";
import { GraphBuilder, softmax } from "@decorum/onnx";
import type { Tensor } from "@decorum/tensor";
import { Classifier, loadClassifierConfig, openCheckpoint, Weights } from "@decorum/models";
import { type GoldenCase, inputOf } from "../case.ts";
import { runGraph } from "../session.ts";

/** Logits and probabilities of a padded batch under a BERT or RoBERTa classifier. */
export async function classify(golden: GoldenCase): Promise<Map<string, Tensor>> {
  const folder = join(golden.folder, "model");
  using checkpoint = openCheckpoint(folder);
  const graph = new GraphBuilder("classify");
  const input = (name: string) => graph.input(name, "int64", ["batch", "time"]);
  const names = ["input_ids", "attention_mask"];
  if (golden.inputs.has("token_type_ids")) names.push("token_type_ids");
  const [inputIds, attentionMask, tokenTypeIds] = names.map(input);
  const weights = new Weights(graph, checkpoint);
  const classifier = new Classifier(loadClassifierConfig(folder), weights);
  const logits = classifier.logits(inputIds!, attentionMask!, tokenTypeIds);
  graph.output(logits, "logits");
  graph.output(softmax(logits, -1), "probs");
  const feeds = Object.fromEntries(names.map((name) => [name, inputOf(golden, name, "int64")]));
  const results = await runGraph({ graph: graph.build(), files: weights.files }, feeds);
  return new Map(Object.entries(results));
}
