import assert from "node:assert/strict";
import type { OtlpSink, SpanNode } from "@decorum/telemetry";

/** A call of a method as two spans: the client's, and the server's below it. */
function call(span: SpanNode, method: string, from: string, to: string): SpanNode {
  assert.equal(span.name, `decorum.${method}`);
  assert.deepEqual([span.kind, span.service], ["client", from]);
  const [server, ...more] = span.children.filter(({ kind }) => kind === "server");
  assert.ok(server && more.length === 0, `${method} has one server span`);
  assert.deepEqual([server.name, server.service], [`decorum.${method}`, to]);
  assert.equal(server.traceId, span.traceId);
  return server;
}

/** All calls below a span that are made by its own service. */
function calls(span: SpanNode, method: string): SpanNode[] {
  return span.children.flatMap((child) =>
    child.kind === "client"
      ? (child.name === `decorum.${method}` ? [child] : [])
      : child.service === span.service
      ? calls(child, method)
      : []
  );
}

function all(span: SpanNode): SpanNode[] {
  return [span, ...span.children.flatMap(all)];
}

/** A request waits in a queue, then its batch runs sessions. */
function checkBatch(server: SpanNode, who: string, runs: readonly string[]): void {
  const [queue, batch, ...more] = server.children;
  assert.deepEqual([queue?.name, batch?.name, more.length], [`${who}.queue`, `${who}.batch`, 0]);
  assert.deepEqual([...new Set(batch!.children.map(({ name }) => name))], runs);
}

/** Checks that each step is one trace over all services, every span where it belongs. */
export function checkStepTraces(
  sink: OtlpSink,
  run: { readonly steps: number; readonly evaluatedEvery: number; readonly groups: number },
): void {
  const steps = sink.tree().filter(({ name }) => name === "train.step");
  assert.deepEqual(
    steps.map(({ attributes }) => Number(attributes["decorum.step"])),
    Array.from({ length: run.steps }, (_, i) => i + 1),
  );
  assert.equal(new Set(steps.map(({ traceId }) => traceId)).size, run.steps);
  for (const [i, step] of steps.entries()) {
    const evaluated = (i + 1) % run.evaluatedEvery === 0 || i + 1 === run.steps;
    checkStep(sink, step, evaluated, run.groups);
  }
}

function checkStep(sink: OtlpSink, step: SpanNode, evaluated: boolean, groups: number): void {
  const { traceId, service } = step;
  assert.equal(service, "decorum-trainer");
  assert.deepEqual(sink.tree(traceId).length, 1, "the trace has one root");
  const part = (name: string) => {
    const found = step.children.filter((child) => child.name === name);
    assert.equal(found.length, 1, `one span ${name}`);
    return found[0]!;
  };
  const rollouts = calls(part("rollout"), "policy.v1.PolicyService/Generate");
  assert.equal(rollouts.length, groups);
  for (const span of rollouts) {
    const server = call(span, "policy.v1.PolicyService/Generate", service, "decorum-policy");
    assert.ok(
      all(server).every((below) => below.service === "decorum-policy" && below.traceId === traceId),
    );
    checkBatch(server, "policy", ["run encode", "run decode"]);
    assert.equal(server.attributes["gen_ai.operation.name"], "text_completion");
  }
  const scores = calls(part("score"), "reward.v1.RewardService/Score");
  assert.equal(scores.length, groups);
  for (const span of scores) {
    const server = call(span, "reward.v1.RewardService/Score", service, "decorum-reward");
    checkBatch(server, "reward", ["run classifier"]);
  }
  for (const name of ["BeginWeights", "UploadWeights", "CommitWeights"]) {
    const method = `policy.v1.PolicyService/${name}`;
    const [pushed, ...more] = calls(part("push"), method);
    assert.ok(pushed && more.length === 0, `one ${name}`);
    call(pushed, method, service, "decorum-policy");
  }
  const updates = new Set(part("update").children.map(({ name }) => name));
  const stages = ["reference", "rewards", "advantages", "update.minibatch", "statistics"];
  assert.deepEqual([...updates].sort(), stages.sort());
  part("prompts");
  const services = new Set(all(step).map((span) => span.service));
  const expected = ["decorum-trainer", "decorum-policy", "decorum-reward"];
  if (evaluated) {
    expected.push("decorum-evaluator");
    const evaluate = "evaluator.v1.EvaluatorService/Evaluate";
    const [span] = calls(part("evaluate"), evaluate);
    const server = call(span!, evaluate, service, "decorum-evaluator");
    const generate = "policy.v1.PolicyService/Generate";
    const asked = calls(server, generate);
    assert.ok(asked.length >= 2, "both sides");
    for (const one of asked) call(one, generate, "decorum-evaluator", "decorum-policy");
  } else {
    assert.ok(!step.children.some(({ name }) => name === "evaluate"));
  }
  assert.deepEqual([...services].sort(), expected.sort());
  for (const span of all(step)) {
    assert.notEqual(span.status, "error", span.name);
    if (span.parentSpanId === "" || span.kind === "server") continue;
    assert.ok(span.start >= step.start && span.end <= step.end, `${span.name} lies in its step`);
  }
}
