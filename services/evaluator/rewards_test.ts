import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, implement, rewardService, RpcError } from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";
import { TemporaryFolder } from "@decorum/testing/folder";
import { startTalkingPolicy } from "./testing/fake_policy.ts";
import { openEvaluator } from "./testing/open_evaluator.ts";

const prompts = [
  { key: "a", prompt: "the end", reference: "ok the end", rowJson: '{"wanted":"ok"}' },
  { key: "b", prompt: "the" },
  { key: "c", prompt: "the end the end", reference: "you fool", rowJson: '{"wanted":"you"}' },
];
const request = {
  ...{ prompts, sampling: { doSample: true, maxNewTokens: 8 }, seed: 3 },
  ...{ bootstrapSamples: 200, samples: 3 },
};

/** The result of an evaluation, and what its phases were. */
async function measured(
  evaluator: Awaited<ReturnType<typeof openEvaluator>>,
  changes: Partial<typeof request> = {},
) {
  const phases = new Set<string>();
  for await (const { progress, result } of evaluator.client.evaluate({ ...request, ...changes })) {
    if (progress) phases.add(progress.phase);
    if (result) return { result, phases: [...phases] };
  }
  return assert.fail("no result");
}

/** A reward service in this process: the logit of "good" is minus the length of the text. */
async function lengthReward() {
  let calls = 0;
  const info = { labels: ["bad", "good"], modelVersion: "v" };
  const server = await createServer({
    address: "127.0.0.1:0",
    logger: createLogger({ service: "test", write: () => {} }),
    services: [
      implement(rewardService, {
        score({ items }) {
          calls++;
          const results = items.map(({ response }) => {
            const logits = [0, -response.length];
            return { score: logits[1]!, logits, probabilities: [0.5, 0.5] };
          });
          return Promise.resolve({ ...info, results, label: "good" });
        },
        async *scoreStream() {},
        getInfo: () => Promise.resolve(info),
      }),
    ],
  });
  server.setServing(true);
  return {
    address: server.address,
    calls: () => calls,
    [Symbol.asyncDispose]: async () => void await server.drain({ graceMs: 0 }),
  };
}

Deno.test("terms of every kind are measured on both sides, nulls left out, and summed", async () => {
  using folder = new TemporaryFolder();
  await using policy = await startTalkingPolicy();
  await using reward = await lengthReward();
  writeFileSync(
    folder.join("mine.ts"),
    `export const reward = ({ responses, rows }: { responses: string[]; rows: { wanted?: string }[] }) =>
      responses.map((text, i) => rows[i].wanted === undefined ? null : text.startsWith(rows[i].wanted) ? 1 : 0);`,
  );
  await using evaluator = await openEvaluator([policy], {
    judge: null,
    rewards: [
      { name: "short", kind: "classifier", service: reward.address, expression: '"good" - "bad"' },
      { name: "content", kind: "rouge", type: "rouge1", weight: 10 },
      { name: "polite", kind: "regex", pattern: "^ok", weight: 2 },
      { name: "mine", kind: "code", module: folder.join("mine.ts"), weight: 0.5 },
    ],
  });
  const { result, phases } = await measured(evaluator);
  assert.equal(phases.at(-1), "EVALUATION_PHASE_REWARDS");

  // "you fool ..." becomes "ok ...", which is 6 characters less.
  const [short, content, polite, mine] = result.rewards;
  assert.deepEqual([short?.name, short?.n, short?.difference], ["short", 3, 6]);
  assert.deepEqual([short?.ci95Low, short?.ci95High], [6, 6]);
  assert.equal(short?.before?.mean, -(16 + 12 + 24) / 3);
  // Of the two prompts with a human text.
  assert.equal(content?.n, 2);
  assert.equal(content?.after?.mean, (1 + 0) / 2);
  assert.deepEqual([polite?.n, polite?.before?.mean, polite?.after?.mean], [3, 0, 1]);
  // It sees the rows; one prompt came without.
  assert.deepEqual([mine?.n, mine?.before?.mean, mine?.after?.mean], [2, 0.5, 0.5]);
  assert.equal(mine?.difference, 0);

  const sum = (side: "before" | "after") =>
    result.samples.map(({ rewardsBefore, rewardsAfter }) => {
      const { short = NaN, content = 0, polite = NaN, mine = 0 } = side === "before"
        ? rewardsBefore
        : rewardsAfter;
      return short + 10 * content + 2 * polite + 0.5 * mine;
    });
  assert.deepEqual(Object.keys(result.samples[1]!.rewardsAfter).sort(), ["polite", "short"]);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  assert.equal(result.reward?.name, "");
  assert.equal(result.reward?.n, 3);
  assert.ok(Math.abs(result.reward.before!.mean - mean(sum("before"))) < 1e-9);
  assert.ok(Math.abs(result.reward.after!.mean - mean(sum("after"))) < 1e-9);

  const again = await measured(evaluator);
  assert.deepEqual({ ...again.result, seconds: 0 }, { ...result, seconds: 0 });
});

Deno.test("a term that cannot be used is told by name, and before anything is generated", async () => {
  await using policy = await startTalkingPolicy();
  await using reward = await lengthReward();
  const term = { name: "civil", kind: "classifier", service: reward.address, label: "civil" };
  await using evaluator = await openEvaluator([policy], { judge: null, rewards: [term] });
  await assert.rejects(
    measured(evaluator),
    (error) =>
      error instanceof RpcError &&
      /Reward "civil": .* has no label "civil"; it has "bad", "good"/.test(error.details),
  );
  assert.deepEqual([policy.requests.length, reward.calls()], [0, 0]);
  await assert.rejects(
    measured(evaluator, { prompts: [prompts[0]!, { ...prompts[1]!, rowJson: "[1]" }] }),
    /key "b": its row_json is no JSON object/,
  );
});

Deno.test("a reward service that is away is waited for, then given up by name", async () => {
  await using policy = await startTalkingPolicy();
  const reward = await lengthReward();
  await reward[Symbol.asyncDispose]();
  const term = { name: "short", kind: "classifier", service: reward.address, label: "good" };
  await using evaluator = await openEvaluator([policy], {
    ...{ judge: null, rewards: [term], policy_wait_s: 1 },
  });
  await assert.rejects(
    measured(evaluator),
    (error) =>
      error instanceof RpcError && error.code === "UNAVAILABLE" &&
      error.details.includes(`reward ${reward.address} did not answer for`),
  );
  assert.ok(evaluator.logs.some((line) => line.includes(`waiting for reward ${reward.address}`)));
});
