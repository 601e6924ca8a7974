/** The evaluator against a real policy, each in a process of its own. */
import assert from "node:assert/strict";
import process from "node:process";
import { createClient, evaluatorService, type evaluatorV1, policyService } from "@decorum/rpc";
import { exportClassifierOnnx } from "@decorum/scoring";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { packWeights, pushWeights } from "@decorum/fleet";
import { freeAddress } from "@decorum/testing/ports";
import { spawnService } from "@decorum/testing/process";
import { settings } from "../services/policy/testing/fixture.ts";
import { lora, randomWeights, TinyT5 } from "@decorum/testing/t5";

const main = (name: string) => new URL(`../services/${name}/main.ts`, import.meta.url);
const words = ["you fool", "the end", "is it you", "a b c", "hello", "what now", "the fool"];
const request: evaluatorV1.EvaluateRequest = {
  prompts: words.map((prompt, i) => ({ key: `p${i}`, prompt, reference: "the end" })),
  sampling: { doSample: true, maxNewTokens: 12 },
  seed: 11,
  samples: 7,
  bootstrapSamples: 200,
};
const START = { kind: "WEIGHTS_KIND_START", runId: "r1" } as const;

Deno.test("an evaluation of a real policy, killed and started again in the middle of one", async () => {
  using folder = new TemporaryFolder();
  using t5 = new TinyT5({ tokenizer: true });
  exportClassifierOnnx(
    writeClassifier(folder.join("judge"), { seed: 2 }),
    folder.join("onnx"),
  );
  const policyAddress = await freeAddress();
  const startPolicy = () =>
    spawnService(
      main("policy"),
      ...settings(t5.model),
      `policy.listen=${policyAddress}`,
    );
  await using first = startPolicy();
  await using evaluator = spawnService(
    main("evaluator"),
    "evaluator.listen=127.0.0.1:0",
    "evaluator.threads=1",
    "evaluator.batch=2",
    `evaluator.policy=${policyAddress}`,
    `evaluator.toxicity.model=${writeClassifier(folder.join("reward"))}`,
    `evaluator.judge.model=${folder.join("onnx")}`,
  );
  await first.ready;
  using policy = createClient(policyService, { address: policyAddress });
  using client = createClient(evaluatorService, { address: await evaluator.ready });
  const evaluate = async (
    some: Partial<evaluatorV1.EvaluateRequest>,
    onProgress = (_: evaluatorV1.EvaluationProgress__Output): void => {},
  ) => {
    let found: evaluatorV1.EvaluationResult__Output | undefined;
    for await (const { progress, result } of client.evaluate({ ...request, ...some })) {
      if (progress) onProgress(progress);
      found = result ?? undefined;
    }
    return { ...found!, seconds: 0 };
  };

  const { baseModelHash } = await policy.getModelInfo({});
  const weights = packWeights(randomWeights(t5.model, "pushed"), lora);
  await pushWeights(policy, weights, { runId: "r1", baseModelHash, expectedVersion: 0 });

  const trained = await evaluate({});
  assert.equal(trained.before?.kind, "WEIGHTS_KIND_START");
  assert.deepEqual([trained.after?.runId, trained.after?.version], ["r1", 1]);
  assert.ok(trained.kl !== 0 && Number.isFinite(trained.kl));
  assert.ok(trained.samples.some(({ before, after }) => before !== after));
  assert.deepEqual(await evaluate({}), trained, "the same request, the same numbers");

  const same = await evaluate({ before: START, after: START });
  for (const { improvementPct, ci95Low, ci95High } of [same.toxicity!, same.judge!]) {
    assert.deepEqual([improvementPct, ci95Low, ci95High], [0, 0, 0]);
  }
  assert.equal(same.kl, 0);

  let killed = false;
  let second: ReturnType<typeof startPolicy> | undefined;
  const interrupted = await evaluate({ before: START, after: START }, ({ phase, done }) => {
    if (killed || phase !== "EVALUATION_PHASE_GENERATE_AFTER" || done === 0) return;
    killed = true;
    process.kill(first.pid, "SIGKILL");
    second = startPolicy();
  });
  await using _ = second!;
  assert.ok(killed);
  assert.deepEqual(interrupted, same);
});
