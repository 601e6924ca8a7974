import { gelu, mul, relu, sigmoid, tanh, type Value } from "@decorum/onnx";

/** transformers' names (`ACT2FN`) of activation functions of float32. */
const activations = {
  linear: (x: Value) => x,
  relu,
  relu2: (x: Value) => mul(relu(x), relu(x)),
  gelu: (x: Value) => gelu(x, "none"),
  gelu_python: (x: Value) => gelu(x, "none"),
  gelu_new: (x: Value) => gelu(x, "tanh"),
  gelu_fast: (x: Value) => gelu(x, "tanh"),
  gelu_accurate: (x: Value) => gelu(x, "tanh"),
  gelu_python_tanh: (x: Value) => gelu(x, "tanh"),
  gelu_pytorch_tanh: (x: Value) => gelu(x, "tanh"),
  quick_gelu: (x: Value) => mul(x, sigmoid(mul(x, 1.702))),
  silu: (x: Value) => mul(x, sigmoid(x)),
  swish: (x: Value) => mul(x, sigmoid(x)),
  tanh,
  sigmoid,
} as const;

export type Activation = keyof typeof activations;

/** Every name that `config.json` may give. */
export const activationNames = Object.keys(activations) as [Activation, ...Activation[]];

/** The function of that name, applied to float32. */
export function activate(name: Activation, x: Value): Value {
  return activations[name](x);
}
