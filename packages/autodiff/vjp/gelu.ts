import { add, div, erf, exp, mul, sigmoid, sub, type Value } from "@decorum/onnx";

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
/** Cubic coefficient of the tanh approximation (Hendrycks and Gimpel 2016, eq. 2). */
const CUBIC = 0.044715;

/**
 * Derivative of `gelu_new`, from its input `x` and its output `y`.
 *
 * 0.5 (1 + tanh u) = sigmoid(2u), so y = x s with s = sigmoid(x v), v = c0 + c1 x^2, and
 * y' = s + y (1 - s) (3 v - 2 c0): twelve passes over the activations, none of them a tanh.
 */
export function geluTanhGradient(x: Value, y: Value): Value {
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
export function geluNoneGradient(x: Value): Value {
  const z = mul(x, Math.SQRT1_2);
  const bell = mul(div(z, exp(mul(z, z))), 2 / Math.sqrt(Math.PI));
  return mul(add(add(erf(z), bell), 1), 0.5);
}
