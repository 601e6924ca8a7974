import { InputError } from "@decorum/tensor";
import { GraphBuilder } from "../builder.ts";
import type { Shape, Value } from "../graph.ts";
import { graphOf, lift, type Operand } from "./emit.ts";

interface LoopResult {
  /** Goes on while true; the condition that came in by default. */
  readonly cond?: Value;
  /** One for each initial value, of its type. */
  readonly carried: readonly Value[];
  /** Values collected from every turn along a new first axis. */
  readonly scans?: readonly Value[];
}

type LoopBody = (
  body: GraphBuilder,
  iteration: Value,
  cond: Value,
  ...carried: Value[]
) => LoopResult;

interface LoopOptions {
  /** Name of the node and prefix of the body's names; default "Loop". */
  readonly name?: string;
  /** Graph that gets the loop; default the innermost of the inputs' graphs. */
  readonly graph?: GraphBuilder;
  /** Shape of a carried value inside the body where it differs from the initial one: a size that changes. */
  readonly carriedShapes?: readonly (Shape | undefined)[];
}

/**
 * Runs `body` while its condition holds, at most `maxTrip` times. Operators on outer values alone land in
 * the outer graph; use `body.capture(value)` to keep them inside.
 */
export function loop(
  maxTrip: Operand | undefined,
  cond: Value | boolean | undefined,
  initial: readonly Value[],
  body: LoopBody,
  options: LoopOptions = {},
): { carried: Value[]; scans: Value[] } {
  const graph = options.graph ?? graphOf("Loop", [maxTrip, cond, ...initial]);
  const inner = new GraphBuilder(options.name ?? "Loop", graph);
  const name = (what: string) => inner.freeName(what);
  const iteration = inner.input(name("iteration"), "int64", []);
  const running = inner.input(name("cond"), "bool", []);
  const entering = initial.map((value, i) =>
    inner.input(name("carried"), value.dtype, options.carriedShapes?.[i] ?? value.shape)
  );
  const result = body(inner, iteration, running, ...entering);
  if (result.carried.length !== initial.length) {
    throw new InputError(
      `Cannot build loop "${inner.name}": its body returned ${result.carried.length} carried values for ${initial.length} initial ones`,
    );
  }
  inner.output(result.cond ?? running);
  for (const value of result.carried) inner.output(value);
  const scans = result.scans ?? [];
  for (const value of scans) inner.output(value);
  const condition = typeof cond === "boolean" ? graph.scalar(cond ? 1 : 0, "bool") : cond;
  const total = initial.length + scans.length;
  const outputs = graph.ops(
    "Loop",
    [lift(graph, maxTrip, "int64"), condition, ...initial],
    { body: inner.build() },
    { name: options.name, outputs: total },
  );
  return { carried: outputs.slice(0, initial.length), scans: outputs.slice(initial.length) };
}

type Branch = (branch: GraphBuilder) => readonly Value[];

/** The values of one branch or the other; both return as many, of the same element types and ranks. */
export function if_(
  cond: Value,
  then: Branch,
  otherwise: Branch,
  options: { readonly name?: string; readonly graph?: GraphBuilder } = {},
): Value[] {
  const graph = options.graph ?? cond.graph;
  const build = (name: string, branch: Branch) => {
    const inner = new GraphBuilder(`${options.name ?? "If"}.${name}`, graph);
    for (const value of branch(inner)) inner.output(value);
    return inner.build();
  };
  const [yes, no] = [build("then", then), build("else", otherwise)];
  return graph.ops(
    "If",
    [cond],
    { then_branch: yes, else_branch: no },
    { name: options.name, outputs: yes.outputs.length },
  );
}
