import type { Attribute, GraphBuilder, Value } from "@decorum/onnx";
import { InputError } from "@decorum/tensor";
import type { Sizes } from "./sizes.ts";

/** One forward node as a rule sees it, with the cotangents that reached its outputs. */
export interface VjpNode {
  readonly opType: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** By position; `undefined` for an omitted optional input. */
  readonly inputs: readonly (Value | undefined)[];
  /** By position; `undefined` for an omitted one. */
  readonly outputs: readonly (Value | undefined)[];
  /** By output; `undefined` where the loss does not depend on that output. At least one is set. */
  readonly cotangents: readonly (Value | undefined)[];
  /** The builder that takes the gradient nodes. */
  readonly graph: GraphBuilder;
  /** Shapes of forward values; rules ask here instead of the value. */
  readonly sizes: Sizes;
  /** True when somebody needs the cotangent of input `i`. Rules must not build what nobody wants. */
  wants(i: number): boolean;
}

/**
 * Vector-Jacobian product of one operator: from the cotangents of its outputs, those of its inputs.
 * An input's cotangent may keep the shape that broadcasting gave it: the walk sums it back.
 */
type VjpRule = (node: VjpNode) => readonly (Value | undefined)[];

/** The three states an operator can be in; which one is data, see `table.ts`. */
export type OpState =
  | { readonly kind: "rule"; readonly vjp: VjpRule }
  /** Its output does not vary with its inputs, or only in steps: comparisons, shapes, indices. */
  | { readonly kind: "no gradient" }
  /** It varies, but nothing here needs its derivative. */
  | { readonly kind: "not differentiable"; readonly why: string };

/** Input `i`, which the operator requires. */
export function input(node: VjpNode, i: number): Value {
  const value = node.inputs[i];
  if (!value) throw new Error(`internal: ${node.opType} "${node.name}" has no input ${i}`);
  return value;
}

/** Output `i` of the forward node, to be used again instead of being computed again. */
export function output(node: VjpNode, i = 0): Value {
  const value = node.outputs[i];
  if (!value) throw new Error(`internal: ${node.opType} "${node.name}" has no output ${i}`);
  return value;
}

/** The cotangent of output `i`, for operators with one output it is always there. */
export function cotangent(node: VjpNode, i = 0): Value {
  const value = node.cotangents[i];
  if (!value) throw new Error(`internal: ${node.opType} "${node.name}" has no cotangent ${i}`);
  return value;
}

/** An integer attribute, or the operator's default. */
export function intAttribute(node: VjpNode, name: string, defaultValue: number): number {
  const value = node.attributes[name];
  if (value === undefined) return defaultValue;
  if (typeof value !== "number") {
    throw new InputError(`Attribute "${name}" of ${node.opType} "${node.name}" is not a number`);
  }
  return value;
}

/** A list attribute, or the operator's default. */
export function intsAttribute(
  node: VjpNode,
  name: string,
  defaultValue: readonly number[],
): readonly number[] {
  const value = node.attributes[name];
  if (value === undefined) return defaultValue;
  if (!Array.isArray(value)) {
    throw new InputError(`Attribute "${name}" of ${node.opType} "${node.name}" is not a list`);
  }
  return value;
}

/** A rule for an operator of one differentiable input; the rule is not asked unless it is wanted. */
export function unary(
  vjp: (g: Value, x: Value, y: Value, node: VjpNode) => Value,
): OpState {
  return {
    kind: "rule",
    vjp: (node) => [vjp(cotangent(node), input(node, 0), output(node), node)],
  };
}

/** A rule given by one function per input; each is called only when wanted. */
export function perInput(
  ...vjps: readonly ((g: Value, node: VjpNode) => Value)[]
): OpState {
  return {
    kind: "rule",
    vjp: (node) => vjps.map((vjp, i) => (node.wants(i) ? vjp(cotangent(node), node) : undefined)),
  };
}

/**
 * The integers of input `i`, which must be a constant of the graph (axes, sizes of a Split).
 *
 * @throws InputError when it is computed at run time.
 */
export function constantInts(node: VjpNode, i: number): readonly number[] {
  const value = input(node, i);
  const dims = node.graph.dims(value);
  if (!dims || dims.some((dim) => typeof dim !== "number")) {
    throw new InputError(
      `Cannot differentiate ${node.opType} "${node.name}": input ${i} ("${value.name}") is computed at run time; expected a constant`,
    );
  }
  return dims.map(Number);
}
