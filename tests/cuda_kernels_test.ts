import assert from "node:assert/strict";
import { cudaKernelSource, missingCudaKernels } from "@decorum/runtime";
import { computeTypeOf, type Precision } from "@decorum/tensor";
import { emittedGraphs } from "./emitted_graphs.ts";
import { operatorUses } from "./operator_uses.ts";

/**
 * Operators that may run on the host, with the reason. Empty: even the shape arithmetic is in onnxruntime's
 * list of CUDA kernels, though its kernels for `Shape`, `Range` and the like work on host memory by design.
 */
const onHost: Readonly<Record<string, string>> = {};

/** What one operator is used with, and where it was seen first. */
function usesByType(precision: Precision) {
  const uses = new Map<string, ReturnType<typeof operatorUses>[number] & { where: string }>();
  for (const [where, { graph }] of emittedGraphs(computeTypeOf(precision))) {
    for (const use of operatorUses(graph)) {
      const key = `${use.opType}(${use.inputs.join(", ")}) -> ${use.outputs.join(", ")}`;
      if (!uses.has(key)) uses.set(key, { ...use, where });
    }
  }
  return uses;
}

for (const precision of ["fp32", "fp16", "bf16"] as const) {
  Deno.test(`no operator of any graph falls back from CUDA to the host in ${precision}`, () => {
    const uses = usesByType(precision);
    const missing = missingCudaKernels(uses.values())
      .filter(({ node }) => !Object.hasOwn(onHost, node.opType))
      .map(({ node, reason }) => `${reason}: "${node.name}" in ${node.where}`);
    assert.deepEqual(missing, [], `compared with ${cudaKernelSource}`);
  });
}

Deno.test("the graphs looked at hold loops, branches, gradients and half-precision products", () => {
  const half = new Set(usesByType("bf16").keys());
  const has = (start: string) => [...half].some((key) => key.startsWith(start));
  assert.ok(has("Loop(") && has("If(") && has("TopK(") && has("CumSum("));
  assert.ok(has("Gemm(bfloat16") && has("MatMul(bfloat16") && has("ScatterElements("));
  assert.ok(!has("Softmax(bfloat16") && !has("RMSNormalization(bfloat16"));
});

Deno.test("an operator without a CUDA kernel would be found in a loop's body", () => {
  const bodies = operatorUses(emittedGraphs("float32").get("decode of t5_lora_grad_flan")!.graph);
  const sampled = bodies.filter(({ name }) => name.startsWith("rounds/generate/"));
  assert.ok(sampled.length > 100, `${sampled.length} operators in the loop`);
  const broken = sampled.map((use) => ({ ...use, inputs: use.inputs.map(() => "bool" as const) }));
  assert.ok(missingCudaKernels(broken).length > 50);
});
