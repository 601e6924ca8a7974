import { GraphBuilder } from "@decorum/onnx";
import { attentionMaskBias, type ModelGraph, openNetwork, type PolicySpec } from "@decorum/models";

/**
 * The encoder alone. Inputs `input_ids`, `attention_mask` `[batch, source]` and the adapter's; output
 * `encoder_hidden` `[batch * source, hidden_size]` float32.
 */
export function buildEncodeGraph(spec: PolicySpec): ModelGraph {
  const graph = new GraphBuilder("encode");
  const inputIds = graph.input("input_ids", "int64", ["batch", "source"]);
  const attentionMask = graph.input("attention_mask", "int64", ["batch", "source"]);
  const { weights, network } = openNetwork(graph, spec);
  graph.output(network.encode(inputIds, attentionMaskBias(attentionMask)), "encoder_hidden");
  return { graph: graph.build(), files: weights.files };
}
