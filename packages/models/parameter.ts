import type { GraphBuilder, Shape, Value } from "@decorum/onnx";

/**
 * A float32 parameter that each run is fed: an input of the outermost graph, declared where it is first
 * used. A subgraph's own inputs are its operator's to fill.
 */
export function parameter(graph: GraphBuilder, name: string, shape: Shape): Value {
  let model = graph;
  while (model.parent) model = model.parent;
  return graph.find(name) ?? model.input(name, "float32", shape);
}
