import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfig } from "./load.ts";
import { z } from "zod";
import { evaluatorConfig } from "./evaluator.ts";

const schema = z.object({ evaluator: evaluatorConfig });

Deno.test("the example says what the defaults are", () => {
  const file = fileURLToPath(new URL("../../config/example.yaml", import.meta.url));
  const defaults = loadConfig(schema, { set: ["evaluator.toxicity.model=m"] }).evaluator;
  const model = "models/roberta-hate-speech";
  assert.deepEqual(loadConfig(schema, { file }).evaluator, {
    ...defaults,
    toxicity: { model, label: "hate" },
    judge: { model: "models/judge-onnx", label: "hate" },
    metrics_listen: "127.0.0.1:9466",
  });
});

Deno.test("one address is a list of one", () => {
  const set = ["evaluator.toxicity.model=m", "evaluator.policy=policy:50051"];
  assert.deepEqual(loadConfig(schema, { set }).evaluator.policy, ["policy:50051"]);
});
