import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfig } from "./load.ts";
import { z } from "zod";
import { policyConfig } from "./policy.ts";
import { loraConfigOf } from "./run.ts";

const schema = z.object({ policy: policyConfig });
const load = (...set: string[]) => loadConfig(schema, { set: ["policy.model=m", ...set] }).policy;

Deno.test("the example says what the defaults are", () => {
  const file = fileURLToPath(new URL("../../config/example.yaml", import.meta.url));
  const { policy } = loadConfig(schema, { file });
  assert.deepEqual(policy, {
    ...load(),
    model: "models/flan-t5-base",
    metrics_listen: "127.0.0.1:9464",
  });
  assert.deepEqual(loraConfigOf(policy), {
    r: 32,
    loraAlpha: 32,
    loraDropout: 0.05,
    targetModules: ["q", "v"],
  });
});

Deno.test("what is wrong is named, all at once", () => {
  assert.throws(
    () =>
      loadConfig(schema, {
        set: ["policy.keep_versions=1", "policy.lora.rank=3", "policy.precision=int8"],
      }),
    (error: Error) => {
      assert.match(error.message, /policy.model is missing/);
      assert.match(error.message, /policy.keep_versions is 1/);
      assert.match(error.message, /policy\.lora\.rank is unknown/);
      assert.match(error.message, /policy.precision is "int8"/);
      return true;
    },
  );
});

Deno.test("limits that contradict each other are refused", () => {
  assert.throws(
    () => load("policy.limits.max_queue_tokens=1000"),
    /limits.max_queue_tokens is 1000: expected at least .* = 98304/,
  );
  assert.throws(
    () => load("policy.batching.max_tokens=1000"),
    /batching.max_tokens is 1000: expected at least .* = 1536/,
  );
});
