import assert from "node:assert/strict";
import { trace } from "@opentelemetry/api";
import type { policyV1 } from "@decorum/rpc";
import { createLogger, createMetrics, startOtlpSink, startTracing } from "@decorum/telemetry";
import {
  generate,
  group,
  prompts,
  push,
  type RunningPolicy,
  startPolicy,
} from "./testing/fixture.ts";
import { TinyT5 } from "@decorum/testing/t5";

/** Takes some 100 ms. */
function busyRequest(): policyV1.GenerateRequest {
  return group({
    prompts: prompts(8, "busy"),
    sampling: { doSample: true, minNewTokens: 200, maxNewTokens: 200 },
    streamChunks: true,
  });
}

/** A call that runs long, its first chunk read: the model is busy with it. */
async function busy({ client }: RunningPolicy) {
  const stream = client.generate(busyRequest());
  const first = await stream.next();
  assert(!first.done);
  const labels = [first.value.weights!];
  return {
    /** The labels of all its messages. */
    async finish() {
      for await (const { weights } of stream) labels.push(weights!);
      return labels;
    },
    leave: () => stream.return(),
  };
}

Deno.test("a policy under load", async (t) => {
  using folder = new TinyT5({ tokenizer: true });
  await using service = await startPolicy(folder.model);
  const { client, metrics } = service;
  await push(service, {}, "one");

  await t.step("a running batch ends with the weights it began with", async () => {
    const running = await busy(service);
    const { version } = await push(service, { expectedVersion: 1 }, "two");
    assert.equal(version, 2);
    const next = await generate(client, group());
    const labels = await running.finish();
    assert(labels.length > 10);
    assert(labels.every(({ version }) => version === 1));
    assert.equal(next.weights[0]?.version, 2);
  });

  await t.step("weights that were dropped meanwhile serve those who asked in time", async () => {
    const running = await busy(service);
    const version = { kind: "WEIGHTS_KIND_VERSION", runId: "r1", version: 1 } as const;
    const waiting = generate(client, group({ weights: version }));
    while (service.policy.batcher.depth === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await push(service, { expectedVersion: 2 }, "three");
    assert.equal((await waiting).weights[0]?.version, 1);
    await running.finish();
    await assert.rejects(generate(client, group({ weights: version })), { code: "NOT_FOUND" });
  });

  await t.step(
    "a full queue refuses, and says when to come back; a retry gets through",
    async () => {
      const refusals = async () => {
        const { body } = await metrics.render();
        const pattern = /rejections_total\{queue="generate",reason="depth"\} (\d+)/;
        return Number(pattern.exec(body)?.[1] ?? 0);
      };
      const running = await busy(service);
      const calls = Array.from({ length: 9 }, (_, i) => generate(client, group({ seed: i })));
      while (await refusals() === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      await running.leave();
      for (const { sequences } of await Promise.all(calls)) {
        assert.equal(Object.keys(sequences).length, 5);
      }
    },
  );

  const batches = async () => {
    const { body } = await metrics.render();
    return Number(/decorum_batch_size_count\{[^}]*\} (\d+)/.exec(body)?.[1]);
  };

  await t.step("who leaves, or is late, while waiting costs nothing", async () => {
    const before = await batches();
    const running = [await busy(service)];
    const long = Array.from({ length: 3 }, () => generate(client, busyRequest()));
    const controller = new AbortController();
    const gone = generate(client, group(), { signal: controller.signal });
    const late = generate(client, group(), { deadlineMs: 60 });
    while (service.policy.batcher.depth < 4) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort();
    await assert.rejects(gone, { code: "CANCELLED" });
    await assert.rejects(late, { code: "DEADLINE_EXCEEDED" });
    await Promise.all([...long, ...running.map((call) => call.finish())]);
    assert.equal(await batches() - before, 4, "the four long ones");
    assert.equal(service.policy.batcher.depth, 0);
  });

  await t.step("a batch that nobody waits for any more ends early", async () => {
    const before = await batches();
    await (await busy(service)).leave();
    await generate(client, group());
    assert.equal(await batches() - before, 1, "only the second ran to its end");
  });

  await t.step("when the model's thread ends, it is loaded again", async () => {
    const expected = (await generate(client, group())).sequences;
    const { worker } = service.policy.engine;
    worker.terminate();
    assert.deepEqual((await generate(client, group())).sequences, expected);
    assert(service.logs.some((line) => line.includes("loaded again")));
  });
});

Deno.test("a call's trace has its batch; a batch of several calls links to theirs", async () => {
  using folder = new TinyT5({ tokenizer: true });
  const sink = await startOtlpSink();
  const tracing = await startTracing({
    service: "policy",
    version: "test",
    endpoint: sink.url,
    logger: createLogger({ service: "policy", level: "error" }),
    metrics: createMetrics({ service: "policy", version: "test" }),
  });
  try {
    await using service = await startPolicy(folder.model, "policy.batching={max_delay_ms: 50}");
    const tracer = trace.getTracer("test");
    await tracer.startActiveSpan("step", async (span) => {
      await generate(service.client, group());
      span.end();
    });
    await Promise.all(
      ["a", "b"].map((label) =>
        generate(service.client, group({ prompts: prompts(1, label), asSent: false }))
      ),
    );
    await tracing.flush();
    const names = (spans: readonly { name: string }[]) => spans.map(({ name }) => name);
    const step = sink.spans.find(({ name }) => name === "step")!;
    const inTrace = sink.spans.filter(({ traceId }) => traceId === step.traceId);
    assert.equal(
      inTrace.filter(({ name }) => name === "policy.batch").length,
      1,
      `${names(inTrace)}`,
    );
    const batch = inTrace.find(({ name }) => name === "policy.batch")!;
    const parent = inTrace.find(({ spanId }) => spanId === batch.parentSpanId)!;
    assert.equal(parent.attributes["gen_ai.operation.name"], "text_completion");
    assert.equal(parent.attributes["gen_ai.request.model"], "model");
    assert(Number(parent.attributes["gen_ai.usage.output_tokens"]) >= 5);
    assert.equal(batch.attributes["decorum.batch.sequences"], 5);
    const linked = sink.spans.find(({ name, links }) =>
      name === "policy.batch" && links.length > 0
    );
    assert.equal(linked?.links.length, 2);
  } finally {
    await tracing.shutdown();
    await sink.close();
  }
});
