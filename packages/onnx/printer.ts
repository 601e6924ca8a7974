import type { Tensor } from "@decorum/tensor";
import {
  type Attribute,
  type Graph,
  type Initializer,
  isGraph,
  type Node,
  type TypedName,
} from "./graph.ts";
import { showType } from "./dims.ts";
import { schemaOf } from "./schemas.ts";

/** Tensors with at most this many elements are printed whole. */
const MOST_ELEMENTS = 8;

/**
 * A graph as text: its signature, its initializers, one line a node, subgraphs indented below theirs.
 *
 * ```
 * graph main(%x: float32[batch, 64]) -> (%y: float32[batch, 8])
 *   %w: float32[64, 8] = external model.safetensors@96
 *   %y: float32[batch, 8] = MatMul(%x, %w)
 * ```
 */
export function printGraph(graph: Graph): string {
  return `${lines(graph).join("\n")}\n`;
}

function lines(graph: Graph): string[] {
  return [
    `graph ${graph.name}(${signature(graph.inputs)}) -> (${signature(graph.outputs)})`,
    ...[...graph.initializers.values()].map((initializer) => `  ${showInitializer(initializer)}`),
    ...graph.nodes.flatMap((node) => nodeLines(node, graph)).map((line) => `  ${line}`),
  ];
}

function signature(values: readonly TypedName[]): string {
  return values.map(({ name, type }) => `%${name}: ${showType(type)}`).join(", ");
}

function showInitializer(initializer: Initializer): string {
  const source = "data" in initializer
    ? showTensor(initializer.data)
    : `external ${initializer.external.location}@${initializer.external.offset}`;
  return `%${initializer.name}: ${showType(initializer.type)} = ${source}`;
}

function showTensor(tensor: Tensor): string {
  const elements = Array.from(tensor.data.subarray(0, MOST_ELEMENTS), String).join(", ");
  return `{${elements}${tensor.data.length > MOST_ELEMENTS ? ", ..." : ""}}`;
}

function nodeLines(node: Node, graph: Graph): string[] {
  const outputs = node.outputs.map((name) => {
    const type = graph.types.get(name);
    return name === "" ? "_" : `%${name}${type ? `: ${showType(type)}` : ""}`;
  });
  const inputs = node.inputs.map((name) => (name === "" ? "_" : `%${name}`));
  const simple: string[] = [];
  const nested: string[] = [];
  for (const [key, value] of Object.entries(node.attributes)) {
    if (!isGraph(value)) simple.push(`${key}=${showAttribute(node, key, value)}`);
    else nested.push(...lines(value).map((line, i) => `  ${i === 0 ? `${key} = ` : ""}${line}`));
  }
  const attributes = simple.length > 0 ? ` {${simple.join(", ")}}` : "";
  return [`${outputs.join(", ")} = ${node.opType}(${inputs.join(", ")})${attributes}`, ...nested];
}

function showAttribute(node: Node, key: string, value: Exclude<Attribute, Graph>): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    return schemaOf(node.opType)?.attributes[key] === "float" ? showFloat(value) : `${value}`;
  }
  if ("data" in value) {
    return `${showType({ dtype: value.dtype, shape: value.dims })} ${showTensor(value)}`;
  }
  return `[${value.join(", ")}]`;
}

/** The fewest digits that give this single-precision number back. */
function showFloat(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}
