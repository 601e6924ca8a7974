import { GraphBuilder } from "@decorum/onnx";
import {
  AdapterInputs,
  type ModelGraph,
  type PolicySpec,
  T5,
  t5LinearLayers,
  Weights,
} from "@decorum/models";

/**
 * The encoder alone. Inputs `input_ids`, `attention_mask` `[batch, source]` and the adapter's; output
 * `encoder_hidden` `[batch * source, d_model]` float32.
 */
export function buildEncodeGraph(spec: PolicySpec): ModelGraph {
  const graph = new GraphBuilder("encode");
  const inputIds = graph.input("input_ids", "int64", ["batch", "source"]);
  const attentionMask = graph.input("attention_mask", "int64", ["batch", "source"]);
  const weights = new Weights(graph, spec.index, spec);
  const layers = t5LinearLayers(spec.config);
  const adapter = spec.lora && new AdapterInputs(weights, spec.lora, layers);
  const { hidden } = new T5(spec.config, weights, adapter).encode(inputIds, attentionMask);
  graph.output(hidden, "encoder_hidden");
  return { graph: graph.build(), files: weights.files };
}
