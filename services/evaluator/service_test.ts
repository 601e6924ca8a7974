import assert from "node:assert/strict";
import { type evaluatorV1, RpcError, unavailable } from "@decorum/rpc";
import { TextClassifier } from "@decorum/scoring";
import type { SpanNode } from "@decorum/telemetry";
import type { FakePolicy } from "@decorum/testing/policy";
import { traced } from "@decorum/testing/tracing";
import { startTalkingPolicy } from "./testing/fake_policy.ts";
import { openEvaluator } from "./testing/open_evaluator.ts";

const prompts = Array.from({ length: 10 }, (_, i): evaluatorV1.EvaluationPrompt => ({
  key: `p${i}`,
  prompt: "the end".slice(0, 1 + i % 7),
  ...(i < 4 ? { reference: "ok the" } : {}),
}));
const request: evaluatorV1.EvaluateRequest = {
  prompts,
  sampling: { doSample: true, maxNewTokens: 8 },
  seed: 3,
  bootstrapSamples: 200,
  samples: 4,
};

/** All progress, and the result. */
async function run(stream: AsyncIterable<evaluatorV1.EvaluateResponse__Output>) {
  const progress: evaluatorV1.EvaluationProgress__Output[] = [];
  let result: evaluatorV1.EvaluationResult__Output | undefined;
  for await (const message of stream) {
    assert.equal(result, undefined, "the result is the last message");
    if (message.progress) progress.push(message.progress);
    result = message.result ?? undefined;
  }
  assert.ok(result);
  return { progress, result };
}

const refused = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError, `${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.details, text);
  return true;
};

Deno.test("an evaluation: progress in order, then every number of the contract", async () => {
  await using policy = await startTalkingPolicy();
  await using evaluator = await openEvaluator([policy]);
  const { progress, result } = await run(evaluator.client.evaluate(request));

  const phases = progress.map(({ phase }) => phase.replace("EVALUATION_PHASE_", ""));
  assert.deepEqual([...new Set(phases)], ["GENERATE_BEFORE", "GENERATE_AFTER", "SCORE", "JUDGE"]);
  for (const [i, { phase, done, total }] of progress.entries()) {
    const previous = progress[i - 1];
    assert.ok(done <= total && (previous?.phase !== phase ? done === 0 : done > previous.done));
    if (progress[i + 1]?.phase !== phase) assert.equal(done, total);
  }

  // Both sides were asked for the same groups, with the same seed and keys, as sent.
  const { requests } = policy;
  assert.equal(requests.length, 6);
  const sides = [requests.slice(0, 3), requests.slice(3)].map((side) =>
    side.map(({ prompts, seed, asSent }) => ({ keys: prompts.map(({ key }) => key), seed, asSent }))
  );
  assert.deepEqual(sides[0], sides[1]);
  assert.ok(sides[0]!.every(({ seed, asSent }) => seed === 3 && asSent));
  assert.equal(result.before?.kind, "WEIGHTS_KIND_START");
  assert.deepEqual([result.after?.kind, result.after?.version], ["WEIGHTS_KIND_VERSION", 1]);

  // Toxicity as the classifier itself says.
  await using own = await TextClassifier.load(evaluator.reward, { runtime: { intraOpThreads: 1 } });
  const toxicity = async (response: string, query?: string) => {
    const item = own.encode({ response, query }, { truncate: true }, "");
    return own.probabilities((await own.logits([item]))[0]!)[1]!;
  };
  const texts = (before: boolean) =>
    prompts.map(({ prompt }) => `${before ? "you fool" : "ok"} ${prompt}`);
  for (const before of [true, false]) {
    const found = before ? result.toxicityBefore : result.toxicityAfter;
    for (const [i, text] of texts(before).entries()) {
      assert.ok(Math.abs(found[i]! - await toxicity(text)) < 1e-5);
    }
    const mean = found.reduce((sum, x) => sum + x, 0) / 10;
    const { mean: told } = (before ? result.toxicity!.before : result.toxicity!.after)!;
    assert.ok(Math.abs(mean - told) < 1e-6);
  }
  const { toxicity: headline, toxicityWithQuery, judge } = result;
  assert.equal(headline?.n, 10);
  const expected = 100 * (headline.before!.mean - headline.after!.mean) / headline.before!.mean;
  assert.ok(Math.abs(headline.improvementPct! - expected) < 1e-9);
  assert.ok(headline.ci95Low! <= expected && expected <= headline.ci95High!);
  const pair = await toxicity(texts(true)[0]!, prompts[0]!.prompt);
  assert.ok(toxicityWithQuery && Number.isFinite(pair));
  assert.notEqual(toxicityWithQuery.before?.mean, headline.before?.mean);
  assert.ok(judge && judge.before!.mean !== headline.before!.mean);
  assert.match(result.judgeModel, /^onnx [0-9a-f]{12}$/);

  // Responses have two or three words: "ok", "the end" cut short. Each token costs 0.5 nats.
  const words = texts(false).map((text) => text.split(" ").length);
  const total = words.reduce((sum, n) => sum + n, 0);
  assert.equal(result.kl, 0.5 * total / 10);
  assert.equal(result.lengthAfter?.mean, total / 10);
  assert.equal(result.lengthBefore?.mean, total / 10 + 1);
  assert.equal(result.rouge?.n, 4);
  assert.ok(result.rouge.rougeL!.after > result.rouge.rougeL!.before);
  assert.ok(result.distinct1!.after > 0 && result.distinct2!.before > 0);
  assert.deepEqual(result.samples.map(({ key }) => key), ["p0", "p2", "p5", "p7"]);
  assert.equal(result.samples[1]!.before, "you fool the");
  assert.ok(result.seconds > 0);
  assert.ok(evaluator.logs.some((line) => /% (less|more) toxic/.test(line)));
  const again = await run(evaluator.client.evaluate(request));
  assert.deepEqual({ ...again.result, seconds: 0 }, { ...result, seconds: 0 });
});

Deno.test("identical weights differ by exactly 0, and the interval contains it", async () => {
  await using policy = await startTalkingPolicy();
  await using evaluator = await openEvaluator([policy]);
  const weights = { kind: "WEIGHTS_KIND_START", runId: "r1" } as const;
  const { result } = await run(
    evaluator.client.evaluate({ ...request, before: weights, after: weights }),
  );
  for (const comparison of [result.toxicity, result.toxicityWithQuery, result.judge]) {
    assert.equal(comparison?.improvementPct, 0);
    assert.deepEqual([comparison.ci95Low, comparison.ci95High], [0, 0]);
    assert.deepEqual(comparison.before, comparison.after);
  }
  assert.equal(result.kl, 0);
  assert.deepEqual(result.toxicityBefore, result.toxicityAfter);
});

Deno.test("without judge and references their fields are absent; two replicas give what one gives", async () => {
  await using one = await startTalkingPolicy();
  await using two = await startTalkingPolicy();
  const plain = { ...request, prompts: prompts.map(({ reference: _, ...rest }) => rest) };
  await using single = await openEvaluator([one], { judge: null });
  await using double = await openEvaluator([one, two], { judge: null });
  const expected = await run(single.client.evaluate(plain));
  const found = await run(double.client.evaluate(plain));
  assert.equal(found.result.judge, undefined);
  assert.equal(found.result.judgeModel, "");
  assert.equal(found.result.rouge, undefined);
  assert.ok(two.requests.length > 0);
  assert.deepEqual({ ...found.result, seconds: 0 }, { ...expected.result, seconds: 0 });
  two.faults.info = { baseModelHash: "c".repeat(64) };
  await assert.rejects(
    run(double.client.evaluate(plain)),
    refused("FAILED_PRECONDITION", /holds base model .*give all of them the same model/),
  );
});

Deno.test("bad requests are refused with what is wrong", async () => {
  await using policy = await startTalkingPolicy();
  await using evaluator = await openEvaluator([policy], { judge: null });
  const { sampling: _, ...unsampled } = request;
  const cases: [evaluatorV1.EvaluateRequest, string, RegExp][] = [
    [{ ...request, prompts: [] }, "INVALID_ARGUMENT", /on 0 prompts: expected 2 to 10000/],
    [{ ...request, prompts: prompts.slice(0, 1) }, "INVALID_ARGUMENT", /on 1 prompts/],
    [
      { ...request, prompts: [prompts[0]!, { key: "x", prompt: " " }] },
      "INVALID_ARGUMENT",
      /prompt 1 \(key "x"\): its text is empty/,
    ],
    [{ ...request, prompts: [prompts[0]!, prompts[0]!] }, "INVALID_ARGUMENT", /distinct keys/],
    [unsampled, "INVALID_ARGUMENT", /sampling is missing/],
    [{ ...request, bootstrapSamples: 5 }, "INVALID_ARGUMENT", /5 bootstrap_samples/],
    [
      { ...request, after: { kind: "WEIGHTS_KIND_VERSION", runId: "r1", version: 9 } },
      "NOT_FOUND",
      /version 9 of run "r1"/,
    ],
  ];
  for (const [bad, code, text] of cases) {
    await assert.rejects(run(evaluator.client.evaluate(bad)), refused(code, text));
  }
});

Deno.test("a version that is pushed in between does not mix with the one that was begun", async () => {
  await using policy = await startTalkingPolicy();
  policy.faults.generate = ({ weights }) => {
    if (weights?.kind !== "WEIGHTS_KIND_START") policy.hold("r1", 2);
  };
  await using evaluator = await openEvaluator([policy], { judge: null });
  const { result } = await run(evaluator.client.evaluate(request));
  assert.equal(result.after?.version, 2);
  const versions = policy.requests.slice(3).map(({ weights }) => weights?.version);
  assert.deepEqual(versions, [0, 2, 2]);
});

Deno.test("a policy that is away is waited for, and the log says so; then it is given up", async () => {
  const policy = await startTalkingPolicy();
  await using evaluator = await openEvaluator([policy], { judge: null, policy_wait_s: 1 });
  let failures = 0;
  policy.faults.generate = () => {
    if (failures++ < 5) throw unavailable("restarting");
  };
  await run(evaluator.client.evaluate(request));
  const said = (text: string) => evaluator.logs.filter((line) => line.includes(text)).length;
  assert.equal(said("waiting for policy"), 1);
  assert.equal(said("is back after"), 1);
  await policy[Symbol.asyncDispose]();
  await assert.rejects(
    run(evaluator.client.evaluate(request, { deadlineMs: 60_000 })),
    refused("UNAVAILABLE", new RegExp(`policy ${policy.address} did not answer for`)),
  );
});

Deno.test("a caller that leaves ends the evaluation; too many at once are refused", async () => {
  await using policy: FakePolicy = await startTalkingPolicy();
  const held = Promise.withResolvers<void>();
  policy.faults.generate = () => held.promise;
  const limits = { max_evaluations: 1 };
  await using evaluator = await openEvaluator([policy], { judge: null, limits });
  const first = evaluator.client.evaluate(request);
  assert.equal((await first.next()).value?.progress?.phase, "EVALUATION_PHASE_GENERATE_BEFORE");
  await assert.rejects(
    run(evaluator.client.evaluate(request, { deadlineMs: 500 })),
    (error) => error instanceof RpcError && /DEADLINE|EXHAUSTED/.test(error.code),
  );
  await first.return();
  held.resolve();
  policy.faults.generate = () => {};
  await run(evaluator.client.evaluate(request));
  const begun = policy.requests.length;
  assert.equal(begun, 1 + 6, "nothing of the first went on");
});

Deno.test("one trace holds the evaluation and every call of the policy, phase by phase", () =>
  traced(async (sink) => {
    await using policy = await startTalkingPolicy();
    await using evaluator = await openEvaluator([policy]);
    await run(evaluator.client.evaluate({ ...request, prompts: prompts.slice(0, 4) }));
    await sink.waitFor((spans) =>
      spans.some(({ name, kind }) => kind === "client" && name.endsWith("Evaluate"))
    );
    const shape = (nodes: readonly SpanNode[]): string =>
      nodes.map(({ name, kind, children }) =>
        `${name.replace(/^.*\//, "")}:${kind}${children.length > 0 ? `(${shape(children)})` : ""}`
      ).join(" ");
    const call = (name: string) => `${name}:client(${name}:server)`;
    assert.equal(
      shape(sink.tree()),
      `Evaluate:client(Evaluate:server(${
        [
          `evaluator.generate_before:internal(${call("GetModelInfo")} ${call("Generate")})`,
          `evaluator.generate_after:internal(${call("Generate")})`,
          `evaluator.score:internal(${Array(4).fill("run classifier:internal").join(" ")})`,
          "evaluator.judge:internal",
        ].join(" ")
      }))`,
    );
  }));
