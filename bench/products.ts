import {
  add,
  type Dim,
  evaluateDim,
  type Graph,
  GraphBuilder,
  type Shape,
  sizeOf,
  type Value,
} from "@decorum/onnx";
import type { ModelGraph } from "@decorum/models";
import { InputError, type Tensor, zeros } from "@decorum/tensor";

/** Sizes of a graph's symbols, for example batch 4, source 256. */
export type Sizes = ReadonlyMap<string, number>;

function numeric(dim: Dim, sizes: Sizes): number {
  const size = evaluateDim(dim, sizes);
  if (size === undefined) throw new InputError(`Dimension "${dim}" has a symbol without a size`);
  return size;
}

/** Floating-point operations of one run of the graph's matrix products: 2 m n k each. */
export function productOperations(graph: Graph, sizes: Sizes): number {
  let total = 0;
  for (const node of products(graph)) {
    const { left, weight } = operands(graph, node);
    const inner = node.attributes["transA"] ? left.at(-2)! : left.at(-1)!;
    const out = [...graph.types.get(node.outputs[0]!)!.shape];
    if (weight) out[out.length - 1] = weight.dims[node.attributes["transB"] ? 0 : 1]!;
    total += 2 * numeric(inner, sizes) * out.reduce<number>((n, dim) => n * numeric(dim, sizes), 1);
  }
  return total;
}

function products(graph: Graph) {
  return graph.nodes.filter(({ opType }) => opType === "Gemm" || opType === "MatMul");
}

/** A weight of a product, without the zeros that the model appends to it (`Linear.padding`). */
interface PlainWeight {
  readonly name: string;
  readonly dims: Shape;
}

function plainWeight(graph: Graph, name: string): PlainWeight | undefined {
  if (graph.initializers.has(name)) return { name, dims: graph.types.get(name)!.shape };
  const maker = graph.nodes.find(({ outputs }) => outputs[0] === name);
  return maker?.opType === "Concat" ? plainWeight(graph, maker.inputs[0]!) : undefined;
}

/** The left operand's shape, and the right one where it is a weight; padding taken off both. */
function operands(graph: Graph, { inputs, attributes }: Graph["nodes"][number]) {
  const weight = plainWeight(graph, inputs[1]!);
  const left = [...graph.types.get(inputs[0]!)!.shape];
  if (weight && !attributes["transA"]) {
    left[left.length - 1] = weight.dims[attributes["transB"] ? 1 : 0]!;
  }
  return { left, weight };
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
  const frozen = (name: string): Value =>
    graph.find(name) ?? graph.initializer(model.graph.initializers.get(name)!);
  const operand = (name: string, like?: Shape): Value => {
    if (model.graph.initializers.has(name)) return frozen(name);
    const { dtype } = model.graph.types.get(name)!;
    const shape = like ?? model.graph.types.get(name)!.shape;
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
  for (const node of products(model.graph)) {
    const { opType, inputs: [a, b], attributes } = node;
    const { left, weight } = operands(model.graph, node);
    const right = weight ? frozen(weight.name) : operand(b!);
    const product = graph.op(opType, [operand(a!, left), right], attributes);
    const size = sizeOf(product); // consumes the product without reading it
    elements = elements ? add(elements, size) : size;
  }
  if (!elements) throw new InputError(`Graph "${model.graph.name}" has no matrix products`);
  graph.output(elements, "elements");
  return { model: { graph: graph.build(), files: model.files }, feeds };
}
