import { GraphBuilder, type Value } from "@decorum/onnx";
import { Classifier, classifierLinearLayers } from "./classifier.ts";
import type { ClassifierConfig } from "./classifier_config.ts";
import { AdapterInputs } from "./linear.ts";
import type { LoraConfig } from "./lora.ts";
import type { ModelGraph } from "./model_graph.ts";
import { type WeightIndex, Weights, type WeightsOptions } from "./weights.ts";

/** What a classifier is made of. */
export interface ClassifierSpec extends WeightsOptions {
  readonly config: ClassifierConfig;
  readonly index: WeightIndex;
  readonly lora?: LoraConfig;
  /** Takes LoRA dropout masks as inputs: see `AdapterInputs`. */
  readonly dropout?: boolean;
}

/**
 * A sequence classifier. Inputs: `input_ids`, `attention_mask` `[batch, time]` int64, for BERT
 * `token_type_ids` too, and the adapter's parameters: see `classifierBatch`.
 *
 * @param finish declares outputs; by default `logits` `[batch, labels]` float32
 */
export function buildClassifierGraph(
  spec: ClassifierSpec,
  finish: (logits: Value) => void = (logits) => void logits.graph.output(logits, "logits"),
): ModelGraph {
  const { config } = spec;
  const graph = new GraphBuilder("classifier");
  const input = (name: string) => graph.input(name, "int64", ["batch", "time"]);
  const inputIds = input("input_ids");
  const attentionMask = input("attention_mask");
  const tokenTypeIds = config.model_type === "bert" ? input("token_type_ids") : undefined;
  const weights = new Weights(graph, spec.index, spec);
  const adapter = spec.lora &&
    new AdapterInputs(weights, spec.lora, classifierLinearLayers(config), {
      dropout: spec.dropout ?? false,
    });
  finish(new Classifier(config, weights, adapter).logits(inputIds, attentionMask, tokenTypeIds));
  return { graph: graph.build(), files: weights.files };
}
