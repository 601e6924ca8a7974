import { isFloat } from "@decorum/tensor";
import { add, type Graph, GraphBuilder, type Node, reduceSum, type Value } from "@decorum/onnx";
import type { VjpNode } from "./rule.ts";
import { opStates } from "./table.ts";

export interface GradientRequest {
  /** Name of the scalar float value to differentiate. */
  readonly loss: string;
  /** Names of the values to differentiate it by: inputs or initializers. */
  readonly wrt: readonly string[];
  /** Values whose gradient is cut: the walk does not pass through them. */
  readonly stop?: readonly string[];
}

/**
 * The graph with one more output for each of `wrt`: `<value>_grad`, of that value's shape, holding
 * d loss / d value. Reverse mode: one backward walk that asks each operator's rule (`table.ts`) for
 * the cotangents of its inputs. Only nodes on a path from `wrt` to `loss` are visited, so frozen
 * weights cost no gradient. What is not on such a path is data.
 *
 * @throws TypeError when the loss is not a float scalar, an operator on the path has no rule, or the
 * loss does not depend on one of `wrt`.
 */
export function buildGradientGraph(graph: Graph, request: GradientRequest): Graph {
  const builder = GraphBuilder.from(graph);
  const loss = builder.value(request.loss);
  if (!isFloat(loss.dtype) || loss.rank !== 0) {
    throw new TypeError(`Cannot differentiate ${loss}: expected a float scalar`);
  }
  const path = activeNodes(graph, builder, request);
  const cotangents = new Cotangents(builder);
  cotangents.give(loss, builder.scalar(1, loss.dtype));
  for (const node of path.reverse()) {
    builder.scope(`${node.name}_grad`, () => visit(node, builder, cotangents, path.active));
  }
  for (const name of request.wrt) {
    const value = builder.value(name);
    const gradient = cotangents.of(value);
    if (!gradient) {
      throw new TypeError(
        `Cannot differentiate "${loss.name}" by "${name}": no path of nodes leads from it to the loss`,
      );
    }
    builder.output(gradient, `${name}_grad`);
  }
  return builder.build();
}

/** Nodes, in order, whose output the loss depends on and whose input depends on `wrt`; and all values that do. */
function activeNodes(
  graph: Graph,
  builder: GraphBuilder,
  request: GradientRequest,
): Node[] & { active: ReadonlySet<string> } {
  const stop = new Set(request.stop ?? []);
  const active = new Set(request.wrt);
  for (const name of request.wrt) builder.value(name);
  const candidates = graph.nodes.filter((node) => {
    const state = opStates[node.opType];
    if (state?.kind === "no gradient") return false;
    if (!node.inputs.some((name) => active.has(name))) return false;
    for (const name of node.outputs) {
      if (name !== "" && !stop.has(name) && isFloat(builder.value(name).dtype)) active.add(name);
    }
    return true;
  });
  const needed = new Set([request.loss]);
  const path: Node[] = [];
  for (const node of candidates.reverse()) {
    if (!node.outputs.some((name) => needed.has(name) && active.has(name))) continue;
    path.push(node);
    for (const name of node.inputs) if (active.has(name)) needed.add(name);
  }
  return Object.assign(path.reverse(), { active });
}

/** Asks the node's rule and hands the cotangents on to its inputs. */
function visit(
  node: Node,
  graph: GraphBuilder,
  cotangents: Cotangents,
  active: ReadonlySet<string>,
): void {
  const state = opStates[node.opType];
  if (state?.kind !== "rule") {
    const why = state?.kind === "not differentiable" ? state.why : "the table has no entry for it";
    throw new TypeError(`Cannot differentiate ${node.opType} "${node.name}": ${why}`);
  }
  const inputs = node.inputs.map((name) => (name === "" ? undefined : graph.value(name)));
  const outputs = node.outputs.filter((name) => name !== "").map((name) => graph.value(name));
  const view: VjpNode = {
    opType: node.opType,
    name: node.name,
    attributes: node.attributes,
    graph,
    inputs,
    outputs,
    cotangents: outputs.map((value) => cotangents.of(value)),
    wants: (i) => active.has(node.inputs[i] ?? ""),
  };
  if (view.cotangents.every((g) => g === undefined)) return;
  state.vjp(view).forEach((cotangent, i) => {
    const value = inputs[i];
    if (!cotangent || !value || !view.wants(i)) return;
    cotangents.give(value, unbroadcast(cotangent, value));
  });
}

/** Sums a cotangent over the axes along which its value was broadcast. */
function unbroadcast(cotangent: Value, value: Value): Value {
  const extra = cotangent.rank - value.rank;
  const leading = [...Array(extra).keys()];
  const stretched = value.shape.flatMap((dim, i) =>
    dim === 1 && cotangent.shape[i + extra] !== 1 ? [i + extra] : []
  );
  let summed = cotangent;
  if (stretched.length > 0) summed = reduceSum(summed, stretched, true);
  if (leading.length > 0) summed = reduceSum(summed, leading, false);
  return summed;
}

/** Cotangents given so far, by value; several of one value are added when it is read. */
class Cotangents {
  readonly #parts = new Map<string, Value[]>();

  constructor(readonly graph: GraphBuilder) {}

  give(value: Value, cotangent: Value): void {
    const parts = this.#parts.get(value.name);
    if (parts) parts.push(cotangent);
    else this.#parts.set(value.name, [cotangent]);
  }

  of(value: Value): Value | undefined {
    const parts = this.#parts.get(value.name);
    if (!parts || parts.length === 0) return undefined;
    const sum = parts.reduce((a, b) => add(a, b));
    this.#parts.set(value.name, [sum]);
    return sum;
  }
}
