import assert from "node:assert/strict";
import process from "node:process";
import { askHealth, createClient, evaluatorService } from "@decorum/rpc";
import { exportClassifierOnnx } from "@decorum/scoring";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { spawnService } from "@decorum/testing/process";
import { startTalkingPolicy } from "./testing/fake_policy.ts";

const spawn = (...settings: string[]) =>
  spawnService(
    new URL("./main.ts", import.meta.url),
    "evaluator.listen=127.0.0.1:0",
    "evaluator.threads=1",
    ...settings,
  );

Deno.test("an evaluator's process", async (t) => {
  using folder = new TemporaryFolder();
  const toxicity = `evaluator.toxicity.model=${writeClassifier(folder.join("reward"))}`;
  exportClassifierOnnx(
    writeClassifier(folder.join("judge"), { seed: 2 }),
    folder.join("onnx"),
  );
  const judge = `evaluator.judge.model=${folder.join("onnx")}`;

  await t.step(
    "serves with a judge, answers health meanwhile, and on SIGTERM finishes",
    async () => {
      await using policy = await startTalkingPolicy();
      await using child = spawn(toxicity, judge, `evaluator.policy=${policy.address}`);
      const address = await child.ready;
      using client = createClient(evaluatorService, { address });
      const prompts = ["the end", "you", "is it"].map((prompt, i) => ({ key: `${i}`, prompt }));
      const running = client.evaluate({ prompts, sampling: { maxNewTokens: 4 }, seed: 1 });
      await running.next();
      assert.equal((await askHealth({ address })).serving, true);
      process.kill(child.pid, "SIGTERM");
      let toxic: number | undefined;
      for await (const { result } of running) toxic = result?.judge?.before?.mean ?? toxic;
      assert.ok(toxic !== undefined && toxic > 0);
      const { code, errors } = await child.exit;
      assert.equal(code, 0, errors);
    },
  );

  await t.step("a bad configuration ends with code 2, a missing judge with code 1", async () => {
    await using fields = spawn(toxicity, "evaluator.policy=nowhere", "evaluator.batch=0");
    await using label = spawn(toxicity, judge, "evaluator.judge.label=toxic");
    await using missing = spawn(toxicity, `evaluator.judge.model=${folder.path}`);
    const { code, errors } = await fields.exit;
    assert.equal(code, 2, errors);
    assert.match(errors, /evaluator.policy is "nowhere"[^]*evaluator.batch is 0/);
    const unknown = await label.exit;
    assert.equal(unknown.code, 2, unknown.errors);
    assert.match(unknown.errors, /evaluator.judge.label is "toxic": expected a label of/);
    const gone = await missing.exit;
    assert.equal(gone.code, 1, gone.errors);
    assert.match(gone.errors, /it has no onnx\/model\.onnx; write such a folder/);
  });
});
