import { isSymbol, showType, symbolsOf } from "../dims.ts";
import type { Dim, Graph, ValueType } from "../graph.ts";
import type { InferContext, OpSchema } from "../schemas.ts";
import { expectDtype, expectSingle, misfit, schema } from "./infer.ts";

function subgraph(context: InferContext, key: string): Graph {
  const graph = context.attributes[key];
  if (!graph) throw misfit(context, `attribute "${key}" is missing`);
  return graph as Graph;
}

/** True when the body's condition output can only be true: passed through from its input, or a constant. */
function runsToTheEnd(context: InferContext, body: Graph): boolean {
  if (context.inputs[1]) {
    const first = context.constant(1);
    if (first?.data[0] !== 1) return false;
  }
  let name = body.outputs[0]!.name;
  for (const node of body.nodes.toReversed()) {
    if (node.outputs[0] === name && node.opType === "Identity") name = node.inputs[0]!;
  }
  const initializer = body.initializers.get(name);
  return name === body.inputs[1]!.name ||
    (initializer !== undefined && "data" in initializer && initializer.data.data[0] === 1);
}

/**
 * Type of a value carried through a loop. A dimension may change from turn to turn where the body's input
 * names it by a symbol of its own; what is left at the end then has an unknown size.
 */
function carriedType(context: InferContext, i: number, body: Graph): ValueType {
  const initial = context.inputs[i + 2];
  if (!initial) throw misfit(context, `the initial value of carried value ${i} is missing`);
  const [entering, leaving] = [body.inputs[i + 2]!.type, body.outputs[i + 1]!.type];
  const outside = symbolsOf(initial.shape);
  const fits = (type: ValueType) =>
    type.dtype === entering.dtype && type.shape.length === entering.shape.length;
  const shape = entering.shape.map((dim, axis): Dim | undefined => {
    if (initial.shape[axis] === dim && leaving.shape[axis] === dim) return dim;
    return isSymbol(dim) && !outside.has(dim) ? context.freshDim() : undefined;
  });
  if (!fits(initial) || !fits(leaving) || shape.includes(undefined)) {
    throw misfit(
      context,
      `carried value ${i} is ${showType(initial)} at first, ${
        showType(entering)
      } when it enters the body and ${
        showType(leaving)
      } when it leaves; give a dimension that changes its own symbol (carriedShapes)`,
    );
  }
  return { dtype: entering.dtype, shape: shape as Dim[] };
}

export const controlSchemas: readonly OpSchema[] = [
  schema({
    opType: "Loop",
    sinceVersion: 24,
    inputs: [2, Infinity],
    optionalInputs: [0, 1],
    outputs: [1, Infinity],
    attributes: { body: "graph" },
    infer(context) {
      const body = subgraph(context, "body");
      if (context.inputs[0]) {
        expectDtype(context, 0, "int64");
        expectSingle(context, 0, "the trip count");
      }
      if (context.inputs[1]) {
        expectDtype(context, 1, "bool");
        expectSingle(context, 1, "the condition");
      }
      const carried = context.inputs.length - 2;
      const scans = body.outputs.length - 1 - carried;
      if (body.inputs.length !== carried + 2 || scans < 0) {
        throw misfit(
          context,
          `body "${body.name}" has ${body.inputs.length} inputs and ${body.outputs.length} outputs: expected iteration, condition and ${carried} carried values in, condition and as many out`,
        );
      }
      if (body.outputs[0]!.type.dtype !== "bool") {
        throw misfit(context, `the first output of body "${body.name}" must be a bool condition`);
      }
      const trips = runsToTheEnd(context, body) ? context.dims(0)?.[0] : undefined;
      const count = trips ?? (scans > 0 ? context.freshDim() : 0);
      return [
        ...Array.from({ length: carried }, (_, i) => carriedType(context, i, body)),
        ...body.outputs.slice(carried + 1).map(({ type }) => ({
          dtype: type.dtype,
          shape: [count, ...type.shape],
        })),
      ];
    },
  }),
  schema({
    opType: "If",
    sinceVersion: 24,
    inputs: 1,
    outputs: [1, Infinity],
    attributes: { then_branch: "graph", else_branch: "graph" },
    infer(context) {
      expectDtype(context, 0, "bool");
      expectSingle(context, 0, "the condition");
      const yes = subgraph(context, "then_branch").outputs;
      const no = subgraph(context, "else_branch").outputs;
      if (yes.length !== no.length) {
        throw misfit(context, `the branches have ${yes.length} and ${no.length} outputs`);
      }
      return yes.map(({ type: a }, i) => {
        const b = no[i]!.type;
        if (a.dtype !== b.dtype || a.shape.length !== b.shape.length) {
          throw misfit(context, `output ${i} is ${showType(a)} or ${showType(b)}`);
        }
        const shape = a.shape.map((dim, axis) => dim === b.shape[axis] ? dim : context.freshDim());
        return { dtype: a.dtype, shape };
      });
    },
  }),
];
