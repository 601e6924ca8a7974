import { isGraph } from "./attribute.ts";
import { symbolsOf } from "./dims.ts";
import type { Graph, Node } from "./graph.ts";
import type { Names } from "./names.ts";

/** Marks every name and symbol of a graph and its subgraphs as in use. */
export function reserveNames(graph: Graph, names: Names): void {
  for (const [name, type] of graph.types) {
    names.take(name);
    for (const symbol of symbolsOf(type.shape)) names.reserveDim(symbol);
  }
  for (const node of graph.nodes) {
    names.take(node.name);
    for (const value of Object.values(node.attributes)) {
      if (isGraph(value)) reserveNames(value, names);
    }
  }
}

/** Every name that the nodes read, subgraphs included. */
export function namesRead(nodes: readonly Node[], read = new Set<string>()): Set<string> {
  for (const node of nodes) {
    for (const name of node.inputs) read.add(name);
    for (const value of Object.values(node.attributes)) {
      if (!isGraph(value)) continue;
      namesRead(value.nodes, read);
      for (const output of value.outputs) read.add(output.name);
    }
  }
  return read;
}
