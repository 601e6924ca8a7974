import type { DType } from "@decorum/tensor";
import { DEFAULT_OPSET, type Graph, type Node } from "@decorum/onnx";
import type { OperatorUse } from "@decorum/runtime";

/** An operator of a graph, with the node's name. */
export interface NamedUse extends OperatorUse {
  readonly name: string;
}

type Types = (name: string) => DType | undefined;

/** Every operator of a graph and of the loop and branch bodies in it, with the types it is used with. */
export function operatorUses(graph: Graph, outer: Types = () => undefined): NamedUse[] {
  const typeOf: Types = (name) => graph.types.get(name)?.dtype ?? outer(name);
  return graph.nodes.flatMap((node) => [
    {
      name: node.name,
      opType: node.opType,
      opset: DEFAULT_OPSET,
      inputs: node.inputs.map(typeOf),
      outputs: node.outputs.map(typeOf),
    },
    ...bodiesOf(node).flatMap((body) => operatorUses(body, typeOf)),
  ]);
}

function bodiesOf({ attributes }: Node): Graph[] {
  return Object.values(attributes).filter((value): value is Graph =>
    typeof value === "object" && "nodes" in value
  );
}
