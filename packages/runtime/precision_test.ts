import assert from "node:assert/strict";
import { createSession } from "./mod.ts";
import { requirePrecision } from "./provider.ts";
import { model, threads } from "./testing/models.ts";

Deno.test("bf16 on the CPU is refused before anything is loaded; fp16 is not", async () => {
  await assert.rejects(
    createSession(model("sum_product"), { ...threads, name: "policy", precision: "bf16" }),
    /^InputError: Cannot create session "policy": precision "bf16" on execution provider "cpu".*"cuda"/,
  );
  await using session = await createSession(model("sum_product"), {
    ...threads,
    precision: "fp16",
  });
  assert.equal(session.options.precision, "fp16");
  requirePrecision("Cannot try", "cuda", "bf16");
});
