import type { Shape, Value } from "@decorum/onnx";
import type { CheckedType, Inputs } from "./inputs.ts";

/** One use of an operator whose gradient is compared with differences. */
export interface GradientCase {
  /** What is special about it: shapes, attributes. Distinct among the cases of an operator. */
  readonly name: string;
  /** Element type of the inputs; default float64. */
  readonly dtype?: CheckedType;
  /** True when the outputs are rounded to float32 although the inputs are not. */
  readonly rounded?: boolean;
  build(inputs: Inputs): Value | readonly Value[];
}

export type GradientCases = Readonly<Record<string, readonly GradientCase[]>>;

/** Pairs of shapes that broadcast, as numbers and as symbols (`SIZES` gives the same sizes). */
const pairs: readonly (readonly [name: string, a: Shape, b: Shape])[] = [
  ["same shape", [3, 4], [3, 4]],
  ["scalars", [], []],
  ["scalar left", [], [3, 4]],
  ["scalar right", [3, 4], []],
  ["row left", [4], [3, 4]],
  ["row right", [3, 4], [4]],
  ["column right", [3, 4], [3, 1]],
  ["missing leading dimensions", [2, 3, 4], [3, 4]],
  ["missing leading dimensions and a row", [2, 3, 4], [1, 4]],
  ["both sides", [2, 1, 4], [3, 1]],
];

const symbols = new Map([[2, "b"], [3, "s"], [4, "d"]]);

export function symbolic(shape: Shape): Shape {
  return shape.map((dim) => (typeof dim === "number" ? symbols.get(dim) ?? dim : dim));
}

const broadcastPairs: typeof pairs = [
  ...pairs,
  ...pairs.filter(([, a, b]) => a.length + b.length > 0).map(([name, a, b]) =>
    [`${name}, symbolic`, symbolic(a), symbolic(b)] as const
  ),
];

/** The cases of an operator of two operands: every broadcast, one side wanted, and a value with itself. */
export function binary(
  f: (a: Value, b: Value) => Value,
  domains: Readonly<{ a?: Parameters<Inputs["x"]>[1]; b?: Parameters<Inputs["x"]>[1] }> = {},
  options: { readonly withItself?: boolean } = {},
): GradientCase[] {
  const { a = "any", b = "any" } = domains;
  const cases: GradientCase[] = broadcastPairs.map(([name, left, right]) => ({
    name,
    build: (i) => f(i.x(left, a), i.x(right, b)),
  }));
  cases.push(
    { name: "left only", build: (i) => f(i.x([3, 1], a), i.unwanted([2, 1, 4], b)) },
    { name: "right only", build: (i) => f(i.unwanted([3, 1], a), i.x([2, 1, 4], b)) },
  );
  if (options.withItself !== false) {
    cases.push({
      name: "a value with itself",
      build: (i) => {
        const x = i.x([3, 4], a === "any" ? b : a);
        return f(x, x);
      },
    });
  }
  return cases;
}

/** The cases of an operator of one operand. */
export function unary(
  f: (x: Value) => Value,
  domain: Parameters<Inputs["x"]>[1] = "any",
  dtype: CheckedType = "float64",
): GradientCase[] {
  return ([["matrix", [3, 4]], ["scalar", []], ["symbolic", ["b", "s", 4]]] as const).map((
    [name, shape],
  ) => ({ name, dtype, build: (i) => f(i.x(shape, domain)) }));
}
