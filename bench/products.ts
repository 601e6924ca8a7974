import {
  add,
  type Dim,
  evaluateDim,
  type Graph,
  GraphBuilder,
  sizeOf,
  type Value,
} from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import { type Tensor, zeros } from "@decorum/tensor";

/** Sizes of a graph's symbols, for example batch 4, source 256. */
export type Sizes = ReadonlyMap<string, number>;

function numeric(dim: Dim, sizes: Sizes): number {
  const size = evaluateDim(dim, sizes);
  if (size === undefined) throw new RangeError(`Dimension "${dim}" has a symbol without a size`);
  return size;
}

/** Floating-point operations of one run of the graph's matrix products: 2 m n k each. */
export function productOperations(graph: Graph, sizes: Sizes): number {
  let total = 0;
  for (const node of products(graph)) {
    const [a, out] = [node.inputs[0]!, node.outputs[0]!].map((name) =>
      graph.types.get(name)!.shape
    );
    const inner = node.attributes["transA"] ? a!.at(-2)! : a!.at(-1)!;
    total += 2 * numeric(inner, sizes) *
      out!.reduce<number>((n, dim) => n * numeric(dim, sizes), 1);
  }
  return total;
}

function products(graph: Graph) {
  return graph.nodes.filter(({ opType }) => opType === "Gemm" || opType === "MatMul");
}

/**
 * The same matrix products as `model` makes, weights in place, activations of the same shapes, and nothing
 * else: the floor under its time. Run it without graph optimisation, which would merge equal products.
 */
export function productsOnly(model: ModelGraph, sizes: Sizes): {
  readonly model: ModelGraph;
  readonly feeds: Record<string, Tensor>;
} {
  const graph = new GraphBuilder("products_only");
  const feeds: Record<string, Tensor> = {};
  const operand = (name: string): Value => {
    const initializer = model.graph.initializers.get(name);
    if (initializer) return graph.find(name) ?? graph.initializer(initializer);
    const { dtype, shape } = model.graph.types.get(name)!;
    const key = `activation_${shape.join("_")}`;
    const known = graph.find(key);
    if (known) return known;
    const dims = shape.map((dim) => numeric(dim, sizes));
    const data = zeros(dtype, dims);
    for (let i = 0; i < data.data.length; i++) data.data[i] = ((i * 7919) % 1000) / 1000 - 0.5;
    feeds[key] = data;
    return graph.input(key, dtype, shape);
  };
  let elements: Value | undefined;
  for (const { opType, inputs, attributes } of products(model.graph)) {
    const product = graph.op(opType, inputs.slice(0, 2).map(operand), attributes);
    const size = sizeOf(product); // consumes the product without reading it
    elements = elements ? add(elements, size) : size;
  }
  if (!elements) throw new TypeError(`Graph "${model.graph.name}" has no matrix products`);
  graph.output(elements, "elements");
  return { model: { graph: graph.build(), files: model.files }, feeds };
}
