import {
  add,
  type Attribute,
  type Graph,
  GraphBuilder,
  mul,
  type Node,
  reduceSum,
  squeeze,
  type Value,
} from "@decorum/onnx";
import { InputError, isFloat } from "@decorum/tensor";
import type { VjpNode } from "./rule.ts";
import { Sizes } from "./sizes.ts";
import { opStates } from "./table.ts";

interface GradientRequest {
  /** Name of the scalar float value to differentiate. */
  readonly loss: string;
  /** Names of the values to differentiate it by: inputs or initializers. */
  readonly wrt: readonly string[];
  /** Values whose gradient is cut: the walk does not pass through them. */
  readonly stop?: readonly string[];
  /**
   * What the walk starts from instead of 1; gradients are divided by it again. A power of two
   * keeps small cotangents within float16's range (Micikevicius et al. 2018, section 3.2). Default 1.
   */
  readonly lossScale?: number;
}

/**
 * The graph with one more output for each of `wrt`: `<value>_grad`, of that value's shape, holding
 * d loss / d value. Reverse mode: one backward walk that asks each operator's rule (`table.ts`) for
 * the cotangents of its inputs. Only nodes on a path from `wrt` to `loss` are visited, so frozen
 * weights cost no gradient. What is not on such a path is data.
 *
 * @throws InputError when the loss is not a float scalar, one of `wrt` is not a float, an operator on
 * the path has no rule, or the loss does not depend on one of `wrt`; InputError when the graph has no
 * value of a name, or `lossScale` is not a power of two.
 */
export function buildGradientGraph(graph: Graph, request: GradientRequest): Graph {
  const builder = GraphBuilder.from(graph);
  const loss = builder.value(request.loss);
  if (!isFloat(loss.dtype) || loss.rank !== 0) {
    throw new InputError(`Cannot differentiate ${loss}: expected a float scalar`);
  }
  const wrt = request.wrt.map((name) => builder.value(name));
  const whole = wrt.find((value) => !isFloat(value.dtype));
  if (whole) {
    throw new InputError(`Cannot differentiate "${loss.name}" by ${whole}: expected a float`);
  }
  const { lossScale = 1 } = request;
  if (!(lossScale > 0 && Number.isInteger(Math.log2(lossScale)))) {
    throw new InputError(
      `Cannot scale the loss "${loss.name}" by ${lossScale}: expected a power of two, which rounds nothing`,
    );
  }
  const { nodes, active } = activePath(graph, builder, request);
  const walk: Walk = {
    graph: builder,
    cotangents: new Cotangents(),
    sizes: new Sizes(builder, graph.inputs),
    active,
  };
  walk.cotangents.give(loss, builder.scalar(lossScale, loss.dtype));
  for (const node of nodes.toReversed()) {
    builder.scope(`${node.name}_grad`, () => visit(node, walk));
  }
  for (const value of wrt) {
    const gradient = walk.cotangents.of(value);
    if (!gradient) {
      throw new InputError(
        `Cannot differentiate "${loss.name}" by "${value.name}": no path of nodes leads from it to the loss`,
      );
    }
    const unscaled = lossScale === 1 ? gradient : mul(gradient, 1 / lossScale);
    builder.output(unscaled, `${value.name}_grad`);
  }
  return builder.build();
}

interface Walk {
  readonly graph: GraphBuilder;
  readonly cotangents: Cotangents;
  readonly sizes: Sizes;
  readonly active: ReadonlySet<string>;
}

/** Asks the node's rule and hands the cotangents on to its inputs. */
function visit(node: Node, { graph, cotangents, sizes, active }: Walk): void {
  const state = opStates[node.opType];
  if (state?.kind !== "rule") {
    const why = state?.kind === "not differentiable" ? state.why : "the table has no entry for it";
    throw new InputError(`Cannot differentiate ${node.opType} "${node.name}": ${why}`);
  }
  const value = (name: string) => (name === "" ? undefined : graph.value(name));
  const inputs = node.inputs.map(value);
  const outputs = node.outputs.map(value);
  const view: VjpNode = {
    opType: node.opType,
    name: node.name,
    attributes: node.attributes,
    graph,
    sizes,
    inputs,
    outputs,
    cotangents: outputs.map((output) => output && cotangents.of(output)),
    wants: (i) => active.has(node.inputs[i] ?? ""),
  };
  if (view.cotangents.every((g) => g === undefined)) return;
  state.vjp(view).forEach((cotangent, i) => {
    const input = inputs[i];
    if (cotangent && input && view.wants(i)) cotangents.give(input, cotangent);
  });
}

/** What the backward walk passes through. */
interface ActivePath {
  /** Nodes between `wrt` and the loss, in the graph's order. */
  readonly nodes: readonly Node[];
  /** Names of the values that vary with `wrt`. */
  readonly active: ReadonlySet<string>;
}

/** Nodes whose output the loss depends on and whose inputs depend on `wrt`; all others are data. */
function activePath(
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

/** Cotangents given so far, by value; several of one value are added when it is read. */
class Cotangents {
  readonly #parts = new Map<string, Value[]>();

  give(value: Value, cotangent: Value): void {
    const part = unbroadcast(cotangent, value);
    const parts = this.#parts.get(value.name);
    if (parts) parts.push(part);
    else this.#parts.set(value.name, [part]);
  }

  of(value: Value): Value | undefined {
    const parts = this.#parts.get(value.name);
    if (!parts || parts.length === 0) return undefined;
    const sum = parts.reduce((a, b) => add(a, b));
    this.#parts.set(value.name, [sum]);
    return sum;
  }
}

/** Sums a cotangent over the axes along which its value was broadcast: one pass, whatever the axes. */
function unbroadcast(cotangent: Value, value: Value): Value {
  const extra = cotangent.rank - value.rank;
  const leading = [...Array(extra).keys()];
  const stretched = value.shape.flatMap((dim, i) =>
    dim === 1 && cotangent.shape[i + extra] !== 1 ? [i + extra] : []
  );
  if (stretched.length === 0) return reduceSum(cotangent, leading, false);
  const summed = reduceSum(cotangent, [...leading, ...stretched], true);
  return leading.length === 0 ? summed : squeeze(summed, leading);
}
