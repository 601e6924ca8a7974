import assert from "node:assert/strict";
import { computeTypeOf } from "./mod.ts";

Deno.test("every precision has the element type of its name", () => {
  assert.deepEqual((["fp32", "fp16", "bf16"] as const).map(computeTypeOf), [
    "float32",
    "float16",
    "bfloat16",
  ]);
});
