import { join } from "node:path";
import { softmax } from "@decorum/onnx";
import type { RuntimeOptions } from "@decorum/runtime";
import { probabilities } from "@decorum/scoring";
import { computeTypeOf, float32, type Tensor, zeros } from "@decorum/tensor";
import { buildClassifierGraph, openCheckpoint, openClassifier } from "@decorum/models";
import { type GoldenCase, inputOf } from "../case.ts";
import { runGraph } from "../session.ts";

/** Logits of a padded batch, their softmax, and the probabilities that transformers makes of them, under a classifier. */
export async function classify(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const folder = join(golden.folder, "model");
  using checkpoint = openCheckpoint(folder);
  const classifier = openClassifier(folder);
  const computeType = computeTypeOf(runtime.precision ?? "fp32");
  const model = buildClassifierGraph(
    { model: classifier, index: checkpoint, computeType },
    (logits) => {
      logits.graph.output(logits, "logits");
      logits.graph.output(softmax(logits, -1), "probs");
    },
  );
  const feeds: Record<string, Tensor> = {
    input_ids: inputOf(golden, "input_ids", "int64"),
    attention_mask: inputOf(golden, "attention_mask", "int64"),
  };
  if (classifier.tokenTypes > 0) {
    feeds["token_type_ids"] = golden.inputs.has("token_type_ids")
      ? inputOf(golden, "token_type_ids", "int64")
      : zeros("int64", feeds["input_ids"]!.dims);
  }
  const results = new Map(Object.entries(await runGraph(model, feeds, runtime)));
  const { labels: { length: width } } = classifier.config;
  const logits = [...results.get("logits")!.data as Float32Array];
  const rows = Array.from(
    { length: logits.length / width },
    (_, i) => probabilities(classifier.config, logits.slice(i * width, (i + 1) * width)),
  );
  return results.set("probabilities", float32([rows.length, width], rows.flat()));
}
