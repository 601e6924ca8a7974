import {
  cast,
  cos,
  div,
  equal,
  exp,
  greater,
  less,
  log,
  mul,
  neg,
  or,
  pow,
  sign,
  sin,
  sub,
  type Value,
  where,
} from "@decorum/onnx";
import { cotangent, input, type OpState, output, perInput, unary, type VjpNode } from "../rule.ts";
import { geluNoneGradient, geluTanhGradient } from "./gelu.ts";

/** `g` where `condition`, else 0. */
function select(condition: Value, g: Value): Value {
  return where(condition, g, g.graph.scalar(0, g.dtype));
}

/**
 * Min and Max of two: the cotangent goes to the one that won; a tie is shared, as in torch.
 * `wins(a, b)` is true where `a` alone is the result.
 */
function extremum(wins: (a: Value, b: Value) => Value): OpState {
  return {
    kind: "rule",
    vjp: (node) => {
      if (node.inputs.length > 2) {
        throw new TypeError(
          `Cannot differentiate ${node.opType} "${node.name}" of ${node.inputs.length} inputs: expected 2; nest it`,
        );
      }
      const g = cotangent(node);
      const share = (i: number) => {
        const mine = input(node, i);
        const other = input(node, 1 - i);
        const half = where(equal(mine, other), mul(g, 0.5), g.graph.scalar(0, g.dtype));
        return where(wins(mine, other), g, half);
      };
      return node.inputs.map((_, i) => (node.wants(i) ? share(i) : undefined));
    },
  };
}

function clipVjp(g: Value, node: VjpNode): Value {
  const x = input(node, 0);
  const [, low, high] = node.inputs;
  const outside = [low && less(x, low), high && greater(x, high)].filter((v) => v !== undefined);
  const [first, second] = outside;
  if (!first) return g;
  return where(second ? or(first, second) : first, g.graph.scalar(0, g.dtype), g);
}

function geluVjp(node: VjpNode): readonly Value[] {
  const gradient = node.attributes["approximate"] === "tanh" ? geluTanhGradient : geluNoneGradient;
  return [mul(cotangent(node), gradient(input(node, 0), output(node)))];
}

/** Rules of the operators that act on each element by itself. */
export const elementwise: Readonly<Record<string, OpState>> = {
  Identity: unary((g) => g),
  Neg: unary((g) => neg(g)),
  Abs: unary((g, x) => mul(g, sign(x))),
  Exp: unary((g, _x, y) => mul(g, y)),
  Log: unary((g, x) => div(g, x)),
  Sqrt: unary((g, _x, y) => div(mul(g, 0.5), y)),
  Reciprocal: unary((g, _x, y) => neg(mul(g, mul(y, y)))),
  Sin: unary((g, x) => mul(g, cos(x))),
  Cos: unary((g, x) => neg(mul(g, sin(x)))),
  Tanh: unary((g, _x, y) => sub(g, mul(g, mul(y, y)))),
  Sigmoid: unary((g, _x, y) => mul(g, sub(y, mul(y, y)))),
  Relu: unary((g, x) => select(greater(x, 0), g)),
  // d erf(x)/dx = 2/sqrt(pi) exp(-x^2)
  Erf: unary((g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Gelu: { kind: "rule", vjp: geluVjp },
  Cast: unary((g, x) => cast(g, x.dtype)),
  Add: perInput((g) => g, (g) => g),
  Sub: perInput((g) => g, (g) => neg(g)),
  Mul: perInput((g, n) => mul(g, input(n, 1)), (g, n) => mul(g, input(n, 0))),
  Div: perInput(
    (g, n) => div(g, input(n, 1)),
    (g, n) => neg(div(mul(g, output(n)), input(n, 1))),
  ),
  Pow: perInput(
    (g, n) => mul(g, mul(input(n, 1), pow(input(n, 0), sub(input(n, 1), 1)))),
    (g, n) => mul(g, mul(output(n), log(input(n, 0)))),
  ),
  Min: extremum(less),
  Max: extremum(greater),
  // Inside the bounds, the bounds included, the cotangent passes, as in torch.
  Clip: {
    kind: "rule",
    vjp: (node) => [node.wants(0) ? clipVjp(cotangent(node), node) : undefined],
  },
  Where: {
    kind: "rule",
    vjp: (node) => {
      const g = cotangent(node);
      const condition = input(node, 0);
      const zero = g.graph.scalar(0, g.dtype);
      return [
        undefined,
        node.wants(1) ? where(condition, g, zero) : undefined,
        node.wants(2) ? where(condition, zero, g) : undefined,
      ];
    },
  },
};
