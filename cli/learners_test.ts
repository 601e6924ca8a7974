import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { runDecorum, succeed } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { type ServiceProcess, spawnService } from "@decorum/testing/process";
import { echoRows, labelRows, tinyClassifier, tinyT5 } from "./testing/fixtures.ts";

function learner(model: string): ServiceProcess {
  return spawnService(
    new URL("../services/learner/main.ts", import.meta.url),
    ...["learner.listen=127.0.0.1:0", "learner.threads=1", `model.name_or_path=${model}`],
  );
}

Deno.test("sft, dpo and reward-train over learners end with the same bytes", async (t) => {
  using folder = new TemporaryFolder();
  const policy = tinyT5(folder);
  const classifier = tinyClassifier(folder);
  const rows = echoRows(16);
  const pairs = rows.map(({ text, answer }) => ({ prompt: text, chosen: answer, rejected: text }));
  const commands = {
    sft: [
      ...["--model", policy, "--data", folder.jsonl("sft.jsonl", rows)],
      ...["--prompt", "{text}", "--response", "answer", "--lora-dropout", "0.1"],
    ],
    dpo: ["--model", policy, "--data", folder.jsonl("dpo.jsonl", pairs)],
    "reward-train": ["--model", classifier, "--data", folder.jsonl("labels.jsonl", labelRows(16))],
  };
  for (const [name, given] of Object.entries(commands)) {
    await t.step(name, async () => {
      const run = (out: string, ...more: string[]) => [
        ...[name, ...given, "--lora-r", "2", "--steps", "3", "--batch-size", "8"],
        ...["--micro-batch-size", "2", "--threads", "1", "--out", folder.join(`${name}-${out}`)],
        ...more,
      ];
      const model = name === "reward-train" ? classifier : policy;
      await using one = learner(model);
      await using two = learner(model);
      const [addresses] = await Promise.all([
        Promise.all([one.ready, two.ready]),
        succeed(run("here")),
      ]);
      await succeed(run("there", "--learners", addresses.join(",")));
      assert.match(one.errors() + two.errors(), /PutWeights done/);
      const bytes = (out: string) =>
        readFileSync(folder.join(`${name}-${out}`, "adapter", "adapter_model.safetensors"));
      assert.ok(bytes("there").equals(bytes("here")));
    });
  }

  await t.step("with another model they are refused, and it is said", async () => {
    await using other = learner(classifier);
    const address = await other.ready;
    const { code, stderr } = await runDecorum([
      ...["sft", ...commands.sft, "--lora-r", "2", "--steps", "1", "--batch-size", "8"],
      ...["--threads", "1", "--out", folder.join("refused"), "--learners", address],
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /learner \S+ is left out: its base model is/);
  });
});
