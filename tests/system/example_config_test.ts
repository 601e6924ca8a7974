import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import {
  clientConfig,
  evaluatorConfig,
  loadConfig,
  policyConfig,
  rewardConfig,
  telemetryConfig,
  trainerConfig,
} from "@decorum/settings";

const file = fileURLToPath(new URL("../../config/example.yaml", import.meta.url));
const text = readFileSync(file, "utf8");
const sections = {
  policy: policyConfig,
  reward: rewardConfig,
  evaluator: evaluatorConfig,
  trainer: trainerConfig,
  client: clientConfig,
  telemetry: telemetryConfig,
};

/** Dotted names of all settings in a value. */
function names(value: unknown, at: string): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [at];
  return Object.entries(value).flatMap(([key, part]) => names(part, `${at}.${key}`));
}

for (const [name, schema] of Object.entries(sections)) {
  Deno.test(`config/example.yaml: section ${name} is valid and has every setting`, () => {
    const loaded = loadConfig(z.object({ [name]: schema }), { file })[name];
    assert.deepEqual(names(parse(text)[name], name).sort(), names(loaded, name).sort());
  });
}

Deno.test("config/example.yaml: the services are told each other's addresses", () => {
  const { policy, reward, evaluator, trainer } = loadConfig(z.object(sections), { file });
  assert.deepEqual(trainer.policy, [policy.listen]);
  assert.deepEqual(evaluator.policy, [policy.listen]);
  assert.equal(trainer.reward, reward.listen);
  assert.equal(trainer.evaluator, evaluator.listen);
  const ports = [policy, reward, evaluator, trainer].flatMap((s) => [s.listen, s.metrics_listen]);
  assert.equal(new Set(ports).size, ports.length);
});

Deno.test("config/example.yaml: every setting is explained above it, or above the settings with it", () => {
  // A block is what follows a comment without a blank line or another comment.
  let explained = false;
  for (const [i, line] of text.split("\n").entries()) {
    if (/^\s*#/.test(line)) explained = true;
    else if (line === "" || /^[a-z]+:$/.test(line)) explained = false;
    else assert.ok(explained, `line ${i + 1} has no explanation: ${line}`);
  }
});
