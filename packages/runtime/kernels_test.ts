import assert from "node:assert/strict";
import { missingCudaKernels, type OperatorUse } from "./mod.ts";

const use = (
  opType: string,
  opset: number,
  inputs: OperatorUse["inputs"],
  outputs: OperatorUse["outputs"],
): OperatorUse => ({ opType, opset, inputs, outputs });

const reasons = (...nodes: OperatorUse[]) => missingCudaKernels(nodes).map((m) => m.reason);

Deno.test("what CUDA has is not listed", () => {
  assert.deepEqual(
    reasons(
      use("MatMul", 24, ["bfloat16", "bfloat16"], ["bfloat16"]),
      use("Cast", 21, ["bool"], ["float16"]),
      use("Loop", 24, ["int64", "bool", "float32", "int64"], ["float32", "int64", "bool"]),
      use("Where", 21, ["bool", "float32", "float32"], ["float32"]),
      use("Reshape", 23, ["float32", "int64"], ["float32"]),
      use("Clip", 21, ["float32", undefined, "float32"], ["float32"]),
      use("TensorScatter", 24, ["float16", "float16", "int64"], ["float16"]),
      use("Constant", 24, [], ["float32"]),
      use("Concat", 21, ["int64", "int64", "int64"], ["int64"]),
      use("Range", 26, ["int64", "int64", "int64"], ["int64"]),
    ),
    [],
  );
});

Deno.test("an unknown operator, a version and a type without kernel are listed with the reason", () => {
  const nodes = [
    use("Hardmax", 21, ["float32"], ["float32"]),
    use("InstanceNormalization", 22, ["float32", "float32", "float32"], ["float32"]),
    use("Log", 21, ["bfloat16"], ["bfloat16"]),
    use("Where", 21, ["bool", "bool", "bool"], ["bool"]),
    use("Max", 21, ["float32", "int8"], ["float32"]),
    use("TensorScatter", 21, ["float16", "float16", "int64"], ["float16"]),
    use("Split", 21, ["float32"], ["float32", "float32"]),
  ];
  const missing = missingCudaKernels(nodes);
  assert.deepEqual(missing.map((m) => m.reason), [
    "no CUDA kernel is documented for Hardmax",
    "InstanceNormalization has version 22 in opset 22, CUDA kernels serve 6+",
    'Log-13 on CUDA does not take bfloat16 input 0 ("input")',
    'Where-16 on CUDA does not take bool input 1 ("X")',
    'Max-13 on CUDA does not take int8 input 1 ("data_0")',
    "TensorScatter does not exist in opset 21",
  ]);
  assert.equal(missing[0]?.node, nodes[0]);
});

Deno.test("an open-ended kernel does not serve a later version of the operator", () => {
  // onnxruntime documents InstanceNormalization as 6+, and runs it on the host from opset 22 on.
  const node = (opset: number) =>
    use("InstanceNormalization", opset, ["float32", "float32", "float32"], ["float32"]);
  assert.equal(reasons(node(21)).length, 0);
  assert.equal(reasons(node(22)).length, 1);
});
