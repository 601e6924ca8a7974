import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfig } from "./load.ts";
import { z } from "zod";
import { rewardConfig } from "./reward.ts";

const schema = z.object({ reward: rewardConfig });

Deno.test("the example says what the defaults are", () => {
  const file = fileURLToPath(new URL("../../config/example.yaml", import.meta.url));
  const defaults = loadConfig(schema, { set: ["reward.model=m"] }).reward;
  assert.deepEqual(loadConfig(schema, { file }).reward, {
    ...defaults,
    model: "models/roberta-hate-speech",
    label: "nothate",
    metrics_listen: "127.0.0.1:9465",
  });
});

Deno.test("int8 is the CPU's", () => {
  const load = (...set: string[]) =>
    loadConfig(schema, { set: ["reward.model=m", "reward.precision=int8", ...set] }).reward;
  assert.equal(load().precision, "int8");
  assert.throws(
    () => load("reward.provider=cuda"),
    /reward\.precision.*int8 runs on provider "cpu"/,
  );
});
