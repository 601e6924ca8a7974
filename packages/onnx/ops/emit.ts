import { type DType, InputError } from "@decorum/tensor";
import type { GraphBuilder, OpOptions } from "../builder.ts";
import { type Attribute, Value } from "../graph.ts";

/** A value, or a number that becomes a scalar constant of the other operand's element type. */
export type Operand = Value | number;

/** What an optional input or attribute may be. */
type Optional<T> = T | undefined;

/**
 * The graph in which an operator on these values belongs: the innermost of theirs, so that work on outer
 * values alone stays out of a loop's body.
 *
 * @throws InputError when there is no value, or two lie in graphs of which neither contains the other.
 */
export function graphOf(
  opType: string,
  inputs: readonly Optional<Operand | boolean>[],
): GraphBuilder {
  let innermost: GraphBuilder | undefined;
  for (const input of inputs) {
    if (!(input instanceof Value)) continue;
    if (!innermost || input.graph.sees(innermost)) innermost = input.graph;
    else if (!innermost.sees(input.graph)) {
      throw new InputError(
        `Cannot apply ${opType} to ${input} of graph "${input.graph.name}" and values of graph "${innermost.name}": neither graph contains the other`,
      );
    }
  }
  if (!innermost) {
    throw new InputError(
      `Cannot apply ${opType} to numbers alone: at least one operand must be a value of a graph`,
    );
  }
  return innermost;
}

/** Adds an operator to the innermost graph of its inputs and returns its first output. */
export function emit(
  opType: string,
  inputs: readonly Optional<Value>[],
  attributes: Readonly<Record<string, Optional<Attribute>>> = {},
): Value {
  return graphOf(opType, inputs).op(opType, inputs, attributes);
}

/** Adds an operator to the innermost graph of its inputs and returns all its outputs. */
export function emitAll(
  opType: string,
  inputs: readonly Optional<Value>[],
  attributes: Readonly<Record<string, Optional<Attribute>>>,
  options: OpOptions,
): Value[] {
  return graphOf(opType, inputs).ops(opType, inputs, attributes, options);
}

/** Adds an operator whose number operands become scalars of the element type of the first value among them. */
export function emitLifted(opType: string, operands: readonly Optional<Operand>[]): Value {
  const graph = graphOf(opType, operands);
  const dtype = operands.find((operand) => operand instanceof Value)!.dtype;
  return graph.op(opType, operands.map((operand) => lift(graph, operand, dtype)));
}

/** The operand as a value of `graph`. */
export function lift<T extends Optional<Operand>>(
  graph: GraphBuilder,
  operand: T,
  dtype: DType,
): Value | (T & undefined) {
  return typeof operand === "number"
    ? graph.scalar(operand, dtype)
    : operand as Value | (T & undefined);
}

/** A vector of int64 as a value of `graph`: a list of numbers becomes a constant. */
export function int64Vector(graph: GraphBuilder, values: readonly number[]): Value {
  return graph.constant({
    dtype: "int64",
    dims: [values.length],
    data: BigInt64Array.from(values, BigInt),
  });
}
