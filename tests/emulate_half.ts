import { elementTypeCode, type Graph, type Node, type ValueType } from "@decorum/onnx";
import type { ComputeType } from "@decorum/tensor";

/**
 * The graph with every operator on float16 or bfloat16 computed in float32 between casts: what a kernel
 * computes that accumulates in float32 and rounds once. onnxruntime's CPU provider casts bfloat16, but has no
 * other operators for it; for float16 it inserts such casts itself, and drops those that meet another, so
 * that it rounds less often than a GPU would.
 */
export function emulateHalf(graph: Graph): Graph {
  return emulate(graph, () => undefined);
}

/** They hand values on without computing. */
const passive = new Set(["Cast", "Identity", "If", "Loop"]);

type Types = (name: string) => ValueType | undefined;

function emulate(graph: Graph, outer: Types): Graph {
  const typeOf: Types = (name) => graph.types.get(name) ?? outer(name);
  const halfOf = (name: string) => {
    const dtype = typeOf(name)?.dtype;
    return dtype === "float16" || dtype === "bfloat16" ? dtype : undefined;
  };
  const types = new Map(graph.types);
  const casted = (from: string, to: string, dtype: ComputeType, like: string): Node => {
    types.set(to, { dtype, shape: typeOf(like)!.shape });
    return {
      opType: "Cast",
      name: `${to}/cast`,
      inputs: [from],
      outputs: [to],
      attributes: { to: elementTypeCode[dtype] },
    };
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const attributes = Object.fromEntries(
      Object.entries(node.attributes).map(([key, value]) => [
        key,
        typeof value === "object" && "nodes" in value ? emulate(value, typeOf) : value,
      ]),
    );
    if (passive.has(node.opType)) return [{ ...node, attributes }];
    const before: Node[] = [];
    const after: Node[] = [];
    const inputs = node.inputs.map((name, i) => {
      if (!halfOf(name)) return name;
      const wide = `${node.name}/wide_input_${i}`;
      before.push(casted(name, wide, "float32", name));
      return wide;
    });
    const outputs = node.outputs.map((name, i) => {
      const half = halfOf(name);
      if (!half) return name;
      const wide = `${node.name}/wide_output_${i}`;
      types.set(wide, { dtype: "float32", shape: typeOf(name)!.shape });
      after.push(casted(wide, name, half, name));
      return wide;
    });
    return [...before, { ...node, inputs, outputs, attributes }, ...after];
  });
  return { ...graph, nodes, types };
}
