import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { RpcError } from "./errors.ts";
import { sleep, startFixture } from "./testing/fixture.ts";

const rejectsWith = (code: string, text = /./) => (error: unknown): boolean => {
  assert(error instanceof RpcError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

Deno.test("a unary call carries numbers, text, absent fields and the caller's view", async () => {
  await using fixture = await startFixture({
    reward: {
      score(request, context) {
        assert.equal(context.method, "decorum.reward.v1.RewardService/Score");
        assert.equal(context.identity.by, "nothing");
        assert(context.deadline - Date.now() <= 3000);
        return Promise.resolve({
          results: request.items.map(({ id, query, response }) => ({
            id,
            score: query === undefined ? response.length : -0.5,
            logits: [1.5, NaN, -Infinity],
          })),
          label: request.label,
        });
      },
    },
  });
  const answer = await fixture.reward.score(
    { items: [{ id: "a", response: "four" }, { id: "b", query: "", response: "x" }], label: "l" },
    { deadlineMs: 3000 },
  );
  assert.deepEqual(answer.results.map((r) => r.score), [4, -0.5]);
  assert.deepEqual(answer.results[0]?.logits, [1.5, NaN, -Infinity]);
  assert.deepEqual(answer.results[0]?.probabilities, []);
  assert.equal(answer.label, "l");
});

Deno.test("a server stream gives every message in order, with exact floats and 64-bit integers", async () => {
  const big = Number.MAX_SAFE_INTEGER;
  await using fixture = await startFixture({
    policy: {
      async *generate(request) {
        for (const { key, tokenIds } of request.prompts) {
          await sleep(1);
          yield {
            chunks: [{ key, tokenIds: tokenIds?.ids ?? [], logprobs: [Math.fround(-0.1)] }],
            weights: { kind: "WEIGHTS_KIND_VERSION", version: request.seed },
          };
        }
      },
    },
  });
  const prompts = Array.from(
    { length: 40 },
    (_, i) => ({ key: `k${i}`, tokenIds: { ids: [i, 1] } }),
  );
  const keys: string[] = [];
  for await (const { chunks, weights } of fixture.policy.generate({ prompts, seed: big })) {
    for (const { key, tokenIds, logprobs } of chunks) {
      keys.push(key);
      assert.deepEqual(tokenIds, [Number(key.slice(1)), 1]);
      assert.deepEqual(logprobs, [Math.fround(-0.1)]);
    }
    assert.equal(weights?.version, big);
    assert.equal(weights.kind, "WEIGHTS_KIND_VERSION");
  }
  assert.deepEqual(keys, prompts.map(({ key }) => key));
});

Deno.test("a client stream carries 10 MiB unchanged to a server that is slow to begin", async () => {
  const chunk = new Uint8Array(256 * 1024).map((_, i) => i * 7);
  let read = 0;
  let sent = 0;
  await using fixture = await startFixture({
    policy: {
      async uploadWeights(requests) {
        for await (const { data, offset } of requests) {
          if (read === 0) await sleep(300);
          assert.equal(offset, read * chunk.length);
          assert(Buffer.from(chunk).equals(data));
          read++;
        }
        return { receivedBytes: read * chunk.length };
      },
    },
  });
  async function* upload() {
    for (; sent < 40; sent++) {
      await Promise.resolve();
      yield { uploadId: "u", offset: sent * chunk.length, data: chunk };
    }
  }
  const answer = await fixture.policy.uploadWeights(upload());
  assert.equal(answer.receivedBytes, 40 * chunk.length);
});

Deno.test("a bidirectional stream answers while it is still being sent", async () => {
  await using fixture = await startFixture({
    reward: {
      async *scoreStream(requests) {
        for await (const { requestId } of requests) yield { requestId, response: { label: "l" } };
      },
    },
  });
  const seen: string[] = [];
  let release = (): void => {};
  async function* ask() {
    for (let i = 0; i < 5; i++) {
      yield { requestId: `${i}` };
      await new Promise<void>((resolve) => release = resolve);
    }
  }
  for await (const { requestId } of fixture.reward.scoreStream(ask())) {
    seen.push(requestId);
    release();
  }
  assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
});

Deno.test("messages that came before an error are delivered before it", async () => {
  await using fixture = await startFixture({
    policy: {
      async *generate() {
        for (let i = 0; i < 5; i++) yield await Promise.resolve({ chunks: [{ offset: i }] });
        await sleep(100);
        throw new InputError("Cannot go on: 5 is enough");
      },
    },
  });
  const call = fixture.policy.generate({});
  await sleep(200);
  let count = 0;
  const read = async () => {
    for await (const _ of call) count++;
  };
  await assert.rejects(read(), rejectsWith("INVALID_ARGUMENT", /5 is enough/));
  assert.equal(count, 5);
});

Deno.test("leaving the loop cancels the call, and the handler sees it", async () => {
  let reason: unknown;
  await using fixture = await startFixture({
    policy: {
      async *generate(_request, { signal }) {
        try {
          while (true) {
            yield { chunks: [] };
            await sleep(5);
          }
        } finally {
          reason = signal.reason;
        }
      },
    },
  });
  for await (const _ of fixture.policy.generate({})) break;
  for (let i = 0; i < 100 && reason === undefined; i++) await sleep(10);
  assert.equal((reason as { code?: unknown }).code, "CANCELLED");
});

Deno.test("a deadline ends the call on both sides; every call has one", async () => {
  let seen: unknown;
  await using fixture = await startFixture({
    reward: {
      score: (_request, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            seen = signal.reason;
            reject(signal.reason);
          });
        }),
    },
  });
  await assert.rejects(
    fixture.reward.score({}, { deadlineMs: 150 }),
    rejectsWith("DEADLINE_EXCEEDED", /RewardService\/Score at 127\.0\.0\.1:\d+: DEADLINE_EXCEEDED/),
  );
  for (let i = 0; i < 100 && seen === undefined; i++) await sleep(10);
  // The caller's own end of the call may overtake the server's clock by the time that the call took to arrive.
  assert.match(`${(seen as { code?: unknown }).code}`, /^(DEADLINE_EXCEEDED|CANCELLED)$/);

  assert.throws(() => fixture.reward.score({}, { deadlineMs: Infinity }), InputError);
});

Deno.test("an abort signal cancels calls before and while they run, with its reason as cause", async () => {
  await using fixture = await startFixture({
    reward: { score: (_, { signal }) => new Promise((_, no) => signal.onabort = no) },
    policy: {
      async *generate(_, { signal }) {
        yield { chunks: [] };
        await new Promise((_, no) => signal.onabort = no);
      },
    },
  });
  const controller = new AbortController();
  const call = fixture.reward.score({}, { signal: controller.signal });
  const stream = fixture.policy.generate({}, { signal: controller.signal });
  await stream.next();
  const why = new Error("enough");
  controller.abort(why);
  await assert.rejects(call, (e: RpcError) => e.code === "CANCELLED" && e.cause === why);
  await assert.rejects(stream.next(), rejectsWith("CANCELLED"));
  await assert.rejects(
    fixture.reward.score({}, { signal: controller.signal }),
    rejectsWith("CANCELLED", /before it began/),
  );
});

Deno.test("an iterable that fails cancels the call and its own error comes out", async () => {
  await using fixture = await startFixture({
    policy: {
      async uploadWeights(requests) {
        for await (const _ of requests) continue;
        return {};
      },
    },
    reward: {
      async *scoreStream(requests) {
        for await (const { requestId } of requests) yield { requestId };
      },
    },
  });
  async function* broken() {
    yield await Promise.resolve({});
    throw new Error("disk gone");
  }
  await assert.rejects(fixture.policy.uploadWeights(broken()), /^Error: disk gone$/);
  const read = async () => {
    for await (const _ of fixture.reward.scoreStream(broken())) continue;
  };
  await assert.rejects(read(), /^Error: disk gone$/);
});

Deno.test("a server that refuses an upload stops the sender", async () => {
  await using fixture = await startFixture({
    policy: {
      async uploadWeights(requests) {
        for await (const _ of requests) throw new InputError("Cannot take the upload: wrong dtype");
        return {};
      },
    },
  });
  let sent = 0;
  async function* endless() {
    while (true) {
      sent++;
      yield await Promise.resolve({ data: new Uint8Array(65536) });
    }
  }
  await assert.rejects(
    fixture.policy.uploadWeights(endless()),
    rejectsWith("INVALID_ARGUMENT", /wrong dtype/),
  );
  const then = sent;
  await sleep(50);
  assert.equal(sent, then);
});

Deno.test("an unread stream that fails is no unhandled error", async () => {
  await using fixture = await startFixture({});
  const stream = fixture.policy.generate({});
  await sleep(100);
  await assert.rejects(stream.next(), rejectsWith("INTERNAL", /internal error/));
  assert.match(fixture.log.lines.join(""), /this test does not serve the method/);
});
