import { isFloat } from "@decorum/tensor";
import type { Attribute, Graph, GraphBuilder, Node } from "@decorum/onnx";
import { opStates } from "./table.ts";

/** What the backward walk passes through. */
export interface ActivePath {
  /** Nodes between `wrt` and the loss, in the graph's order. */
  readonly nodes: readonly Node[];
  /** Names of the values that vary with `wrt`. */
  readonly active: ReadonlySet<string>;
}

/** Nodes whose output the loss depends on and whose inputs depend on `wrt`; all others are data. */
export function activePath(
  graph: Graph,
  builder: GraphBuilder,
  request: {
    readonly loss: string;
    readonly wrt: readonly string[];
    readonly stop?: readonly string[];
  },
): ActivePath {
  const stop = new Set(request.stop ?? []);
  for (const name of stop) builder.value(name);
  const active = new Set(request.wrt);
  const candidates = graph.nodes.filter((node) => {
    if (opStates[node.opType]?.kind === "no gradient") return false;
    if (!valuesRead(node).some((name) => active.has(name))) return false;
    for (const name of node.outputs) {
      if (name !== "" && !stop.has(name) && isFloat(builder.value(name).dtype)) active.add(name);
    }
    return true;
  });
  const needed = new Set([request.loss]);
  const nodes: Node[] = [];
  for (const node of candidates.reverse()) {
    if (!node.outputs.some((name) => needed.has(name) && active.has(name))) continue;
    nodes.push(node);
    for (const name of valuesRead(node)) if (active.has(name)) needed.add(name);
  }
  return { nodes: nodes.reverse(), active };
}

/** Names of a node's inputs and of all that its subgraphs read: a loop's body sees the values around it. */
function valuesRead(node: Node): string[] {
  const inner = Object.values(node.attributes).filter(isGraph).flatMap((body) => [
    ...body.nodes.flatMap(valuesRead),
    ...body.outputs.map(({ name }) => name),
  ]);
  return inner.length === 0 ? [...node.inputs] : [...node.inputs, ...inner];
}

function isGraph(attribute: Attribute): attribute is Graph {
  return typeof attribute === "object" && "nodes" in attribute;
}
