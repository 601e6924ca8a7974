import {
  add,
  cast,
  cos,
  div,
  equal,
  erf,
  exp,
  greater,
  less,
  log,
  mul,
  neg,
  pow,
  sigmoid,
  sign,
  sin,
  sub,
  type Value,
  where,
} from "@decorum/onnx";
import { cotangent, input, type OpState, output, perInput, unary, type VjpNode } from "../rule.ts";

/** `g` where `condition`, else 0. */
function select(condition: Value, g: Value): Value {
  return where(condition, g, g.graph.scalar(0, g.dtype));
}

/** Min and Max: the cotangent goes to the input that won; a tie is shared evenly, as in torch. */
function extremumVjp(node: VjpNode): readonly (Value | undefined)[] {
  const [g, y] = [cotangent(node), output(node)];
  if (node.inputs.length === 1) return [g];
  const hits = node.inputs.map((_, i) => cast(equal(input(node, i), y), y.dtype));
  const share = div(g, hits.reduce((a, b) => add(a, b)));
  return hits.map((hit, i) => (node.wants(i) ? mul(hit, share) : undefined));
}

/** Inside the bounds, the bounds included, the cotangent passes, as in torch; else the bound gets it. */
function clipVjp(node: VjpNode): readonly (Value | undefined)[] {
  const [x, g] = [input(node, 0), cotangent(node)];
  return [
    node.wants(0) ? select(equal(x, output(node)), g) : undefined,
    node.wants(1) ? select(less(x, input(node, 1)), g) : undefined,
    node.wants(2) ? select(greater(x, input(node, 2)), g) : undefined,
  ];
}

/** Exponent of a Pow node in the type of its base, which may differ. */
const exponentOf = (node: VjpNode) => cast(input(node, 1), input(node, 0).dtype);

/** d x^e / dx = e x^(e - 1); where e is 0 the power is 1 whatever x is. */
function powBaseVjp(g: Value, node: VjpNode): Value {
  const e = exponentOf(node);
  const slope = mul(e, pow(input(node, 0), sub(e, 1)));
  return mul(g, where(equal(e, 0), g.graph.scalar(0, g.dtype), slope));
}

/** d x^e / de = x^e log x, which goes to 0 with x for positive e. */
function powExponentVjp(g: Value, node: VjpNode): Value {
  const x = input(node, 0);
  const slope = mul(output(node), log(where(equal(x, 0), x.graph.scalar(1, x.dtype), x)));
  return cast(mul(g, slope), input(node, 1).dtype);
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
  // From the output, so that the input need not be kept.
  Relu: unary((g, _x, y) => select(greater(y, 0), g)),
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
  Pow: perInput(powBaseVjp, powExponentVjp),
  Min: { kind: "rule", vjp: extremumVjp },
  Max: { kind: "rule", vjp: extremumVjp },
  Clip: { kind: "rule", vjp: clipVjp },
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

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
/** Cubic coefficient of the tanh approximation (Hendrycks and Gimpel 2016, eq. 2). */
const CUBIC = 0.044715;

/**
 * Derivative of `gelu_new`, from its input `x` and its output `y`.
 *
 * 0.5 (1 + tanh u) = sigmoid(2u), so y = x s with s = sigmoid(x v), v = c0 + c1 x^2, and
 * y' = s + y (1 - s) (3 v - 2 c0): twelve passes over the activations, none of them a tanh.
 */
function geluTanhGradient(x: Value, y: Value): Value {
  const c0 = 2 * SQRT_2_OVER_PI;
  const v = add(mul(mul(x, x), c0 * CUBIC), c0);
  const s = sigmoid(mul(x, v));
  const slope = mul(sub(mul(v, 3), 2 * c0), sub(y, mul(y, s)));
  return add(s, slope);
}

/**
 * Derivative of the exact GELU, Phi(x) + x phi(x) = (1 + erf z) / 2 + z exp(-z^2) / sqrt(pi) with
 * z = x / sqrt(2): nine passes.
 */
function geluNoneGradient(x: Value): Value {
  const z = mul(x, Math.SQRT1_2);
  const bell = mul(div(z, exp(mul(z, z))), 2 / Math.sqrt(Math.PI));
  return mul(add(add(erf(z), bell), 1), 0.5);
}
