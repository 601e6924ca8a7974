import { add, erf, exp, mul, neg, sigmoid, sub, type Value } from "@decorum/onnx";

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

/** Derivative of the exact GELU: Phi(x) + x phi(x). */
export function geluNoneGradient(x: Value, _y: Value): Value {
  const cdf = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  const pdf = mul(exp(neg(mul(mul(x, x), 0.5))), 1 / Math.sqrt(2 * Math.PI));
  return add(cdf, mul(x, pdf));
}
