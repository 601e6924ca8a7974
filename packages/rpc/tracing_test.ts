import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { trace } from "@opentelemetry/api";
import { createLogger, createMetrics, type SpanNode } from "@decorum/telemetry";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { traced } from "@decorum/testing/tracing";
import { createClient } from "./client.ts";
import { rewardService } from "./services.ts";
import { type Fixture, startFixture } from "./testing/fixture.ts";

function inSpan<T>(name: string, run: () => Promise<T>): Promise<T> {
  return trace.getTracer("test").startActiveSpan(name, async (span) => {
    try {
      return await run();
    } finally {
      span.end();
    }
  });
}

/** Names and kinds of a tree: "name:kind(children)". */
function shape(nodes: readonly SpanNode[]): string {
  return nodes.map(({ name, kind, children }) => {
    const short = name.replace(/^decorum\.\w+\.v1\./, "");
    return `${short}:${kind}${children.length > 0 ? `(${shape(children)})` : ""}`;
  }).join(" ");
}

const served = {
  policy: {
    async *generate() {
      await inSpan("work", () => Promise.resolve());
      yield { chunks: [] };
      await inSpan("more", () => Promise.resolve());
      yield { chunks: [] };
    },
    async uploadWeights(requests: AsyncIterable<unknown>) {
      for await (const _ of requests) await inSpan("work", () => Promise.resolve());
      return {};
    },
  },
  reward: {
    score: () => inSpan("work", () => Promise.resolve({})),
    async *scoreStream(requests: AsyncIterable<{ requestId: string }>) {
      for await (const { requestId } of requests) {
        await inSpan("work", () => Promise.resolve());
        yield { requestId };
      }
    },
  },
};

async function callAll({ policy, reward }: Fixture): Promise<void> {
  const two = async function* () {
    yield await Promise.resolve({ requestId: "1" });
    yield { requestId: "2" };
  };
  await inSpan("unary", () => reward.score({}));
  await inSpan("serverStream", async () => {
    for await (const _ of policy.generate({})) continue;
  });
  await inSpan("clientStream", () => policy.uploadWeights([{}, {}]));
  await inSpan("bidi", async () => {
    for await (const _ of reward.scoreStream(two())) continue;
  });
}

const expected = [
  "unary:internal(RewardService/Score:client(RewardService/Score:server(work:internal)))",
  "serverStream:internal(PolicyService/Generate:client(PolicyService/Generate:server(work:internal more:internal)))",
  "clientStream:internal(PolicyService/UploadWeights:client(PolicyService/UploadWeights:server(work:internal work:internal)))",
  "bidi:internal(RewardService/ScoreStream:client(RewardService/ScoreStream:server(work:internal work:internal)))",
].sort();

Deno.test("all four kinds make exact trees, on a cold channel and on a warm one", () =>
  traced(async (sink, tracing) => {
    await using fixture = await startFixture(served);
    for (const channel of ["cold", "warm"]) {
      sink.clear();
      await callAll(fixture);
      await tracing.flush();
      await sink.waitFor((spans) => spans.length >= 4 * 3 + 7);
      assert.deepEqual(sink.tree().map((root) => shape([root])).sort(), expected, channel);
    }
    assert.equal(tracing.dropped, 0);
  }));

Deno.test("concurrent calls of all kinds keep their own parents, cold and warm", () =>
  traced(async (sink, tracing) => {
    await using fixture = await startFixture(served);
    for (const channel of ["cold", "warm"]) {
      sink.clear();
      const callers = Array.from({ length: 8 }, (_, i) => `caller ${i}`);
      await Promise.all(callers.map((name) => inSpan(name, () => callAll(fixture))));
      await tracing.flush();
      await sink.waitFor((spans) => spans.length >= 8 * (1 + 4 * 3 + 7));
      const roots = sink.tree().toSorted((a, b) => a.name < b.name ? -1 : 1);
      assert.deepEqual(roots.map(({ name }) => name), callers, channel);
      for (const { children } of roots) {
        assert.deepEqual(children.map((child) => shape([child])).sort(), expected, channel);
      }
    }
  }));

Deno.test("spans carry the stable rpc attributes, statuses and errors; probes are not traced", () =>
  traced(async (sink, tracing) => {
    await using fixture = await startFixture({
      reward: {
        getInfo: () => Promise.reject(new InputError("wrong")),
        score: () => Promise.reject(new Error("broken", { cause: new InputError("inside") })),
      },
    });
    await fixture.reward.getInfo({}).catch(() => {});
    await fixture.reward.score({}).catch(() => {});
    await tracing.flush();
    await sink.waitFor((spans) => spans.length === 4);
    const find = (kind: string, method: string) => {
      const span = sink.spans.find((s) => s.kind === kind && s.name.endsWith(method));
      assert(span, `${kind} ${method}`);
      return span;
    };
    const client = find("client", "GetInfo");
    assert.deepEqual(client.attributes, {
      "rpc.system.name": "grpc",
      "rpc.method": "decorum.reward.v1.RewardService/GetInfo",
      "rpc.status_code": "INVALID_ARGUMENT",
      "server.address": "127.0.0.1",
      "server.port": fixture.server.port,
      "error.type": "INVALID_ARGUMENT",
    });
    assert.equal(client.status, "error");
    assert.equal(find("server", "GetInfo").status, "unset");
    assert.equal(find("server", "Score").status, "error");
    const failed = find("server", "Score");
    assert.equal(failed.attributes["error.type"], "INTERNAL");
    assert.match(failed.statusMessage, /^internal error/);
    const said = failed.events.map(({ name, attributes: a }) =>
      `${name} ${a["exception.type"]} ${a["exception.message"]}`
    );
    assert.deepEqual(said, ["exception Error broken", "exception InputError inside"]);
  }));

Deno.test("call durations have the method, the status and an exemplar; logs have the trace", () =>
  traced(async (sink, tracing) => {
    const metrics = createMetrics({ service: "test", version: "0" });
    const lines: string[] = [];
    const logger = createLogger({
      service: "test",
      format: "json",
      write: (line) => void lines.push(line),
    });
    const handlers = {
      reward: {
        score: () => Promise.reject(new Error("broken")),
        getInfo: () => Promise.resolve({}),
      },
    };
    await using fixture = await startFixture(handlers, { metrics, logger }, { metrics });
    await fixture.reward.getInfo({});
    await fixture.reward.score({}).catch(() => {});
    await tracing.flush();
    await sink.waitFor((spans) => spans.length === 4);
    const { body } = await metrics.render();
    const labels = 'rpc_method="decorum.reward.v1.RewardService/GetInfo",rpc_status_code="OK"';
    const count = (side: string) => `rpc_${side}_call_duration_seconds_count{${labels}} 1`;
    assert(body.includes(count("server")), body);
    assert(body.includes(count("client")), body);
    const served = sink.spans.find((s) => s.kind === "server" && s.name.endsWith("GetInfo"));
    assert(body.includes(`trace_id="${served?.traceId}",span_id="${served?.spanId}"`), body);
    assert(body.includes('active_calls{rpc_method="decorum.reward.v1.RewardService/Score"} 0'));
    const failed = sink.spans.find((s) => s.kind === "server" && s.name.endsWith("Score"));
    const entry = lines.map((line) => JSON.parse(line)).find((e) => e.level === "error");
    assert.equal(entry.trace_id, failed?.traceId);
    assert.equal(entry.error.message, "broken");
  }));

Deno.test("off: no context travels and nothing is active in a handler", async () => {
  let active: unknown = "not called";
  const reward = {
    score: () => {
      active = trace.getActiveSpan();
      return Promise.resolve({});
    },
  };
  await using fixture = await startFixture({ reward });
  await fixture.reward.score({});
  assert.equal(active, undefined);

  let names: string[] = [];
  const server = createServer((request, response) => {
    names = Object.keys(request.headers);
    response.writeHead(200, { "content-type": "application/grpc", "grpc-status": "12" });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  {
    using client = createClient(rewardService, { address: `127.0.0.1:${port}` });
    await assert.rejects(client.score({}));
  }
  assert.ok(names.includes("grpc-timeout") && !names.includes("traceparent"), names.join());
  server.close();
});
