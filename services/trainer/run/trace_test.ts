import assert from "node:assert/strict";
import { type SpanNode, startOtlpSink, startTracing } from "@decorum/telemetry";
import { spawnService } from "@decorum/testing/process";
import { fixture } from "../testing/fixture.ts";
import { startEvaluator } from "../testing/reward_server.ts";

/** Names of a span's parts, each once, in the order of their first start. */
const parts = (span: SpanNode) => [...new Set(span.children.map(({ name }) => name))];

Deno.test("one trace holds a step: its stages, and the calls that they make", async () => {
  const sink = await startOtlpSink();
  const { url: endpoint } = sink;
  const tracing = await startTracing({
    service: "trainer",
    version: "test",
    endpoint,
    delayMs: 50,
  });
  try {
    await using all = await fixture();
    await using evaluator = await startEvaluator();
    const { run } = await all.finished("r", {
      ppo: { steps: 2 },
      data: { split: { train: 0.7, test: 0.3 } },
      other: { evaluate: { every_steps: 1, prompts: 2 }, evaluator: evaluator.address },
    });
    assert.equal(run.state, "SUCCEEDED", run.message);
  } finally {
    await tracing.shutdown();
  }
  const steps = sink.tree().filter(({ name }) => name === "train.step");
  assert.deepEqual(steps.map(({ attributes }) => Number(attributes["decorum.step"])), [1, 2]);
  assert.equal(new Set(steps.map(({ traceId }) => traceId)).size, 2);
  for (const step of steps) {
    assert.deepEqual(
      parts(step),
      ["prompts", "rollout", "score", "update", "push", "evaluate", "checkpoint"],
    );
    const part = (name: string) => step.children.find((child) => child.name === name)!;
    assert.deepEqual(
      parts(part("update")),
      ["reference", "rewards", "advantages", "update.minibatch", "statistics"],
    );
    const minibatches = part("update").children.filter(({ name }) => name === "update.minibatch");
    assert.equal(minibatches.length, 4);
    const calls = {
      rollout: "policy.v1.PolicyService/Generate",
      score: "reward.v1.RewardService/Score",
    };
    for (const [name, method] of Object.entries(calls)) {
      const [call] = part(name).children;
      assert.equal(call?.name, `decorum.${method}`);
      assert.equal(call?.kind, "client");
      assert.equal(call?.children[0]?.kind, "server", "it continues in the other service");
    }
    assert.deepEqual(parts(part("push")), ["push.policy"]);
    const pushed = parts(part("push").children[0]!).map((name) => name.replace(/^.*\//, ""));
    assert.deepEqual(pushed.slice(-3), ["BeginWeights", "UploadWeights", "CommitWeights"]);
    assert.deepEqual(parts(part("evaluate")), ["decorum.evaluator.v1.EvaluatorService/Evaluate"]);
  }
  await sink.close();
});

Deno.test("micro-batches on a learner are part of the step's trace, in both processes", async () => {
  const sink = await startOtlpSink();
  const { url: endpoint } = sink;
  const service = { service: "trainer", version: "test" } as const;
  const tracing = await startTracing({ ...service, endpoint, delayMs: 50 });
  try {
    await using all = await fixture();
    await using learner = spawnService(
      new URL("../../learner/main.ts", import.meta.url),
      ...["learner.listen=127.0.0.1:0", "learner.threads=1"],
      `model=${JSON.stringify(all.config().model)}`,
      `telemetry.otlp_endpoint=${endpoint}`,
    );
    const learners = [await learner.ready];
    const { run } = await all.finished("r", { ppo: { steps: 1 }, other: { learners } });
    assert.equal(run.state, "SUCCEEDED", run.message);
    await learner.end("SIGTERM");
  } finally {
    await tracing.shutdown();
  }
  const [step] = sink.tree().filter(({ name }) => name === "train.step");
  const within = (span: SpanNode): SpanNode[] => [span, ...span.children.flatMap(within)];
  const shards = within(step!).filter(({ name }) => name === "shard");
  const graphs = shards.map(({ attributes }) => attributes["decorum.graph"]);
  assert.deepEqual(new Set(graphs), new Set(["forward", "update"]));
  for (const shard of shards) {
    const call = shard.children.find(({ name }) => name.endsWith("LearnerService/Run"));
    assert.equal(call?.kind, "client");
    assert.equal(call?.children[0]?.kind, "server", "it continues in the learner");
  }
  await sink.close();
});
