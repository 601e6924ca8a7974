import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, rewardService, type rewardV1, RpcError } from "@decorum/rpc";
import { LABELS, POSITIONS } from "@decorum/testing/classifier";
import type { RewardConfig } from "@decorum/settings";
import { traced } from "@decorum/testing/tracing";
import { limitsOf, openReward } from "../testing/open_reward.ts";

/** A reward service in this process and a client of it. */
async function openClient(
  fields: Partial<RewardConfig> = {},
  options: { readonly loaded?: boolean } = {},
) {
  const reward = await openReward(fields, options);
  const client = createClient(rewardService, { address: reward.server.address });
  return {
    ...reward,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await reward[Symbol.asyncDispose]();
    },
  };
}

const texts = ["you fool", "", "what is the end of this?", "ok.", "a b c"];
const items = texts.map((response, i): rewardV1.ScoreItem => ({ id: `i${i}`, response }));
const scores = ({ results }: rewardV1.ScoreResponse__Output) => results.map(({ score }) => score);
const refused = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError, `${error}`);
  assert.equal(error.code, code);
  assert.match(error.details, text);
  return true;
};

Deno.test("scores: the raw logit of the named label, with all logits and probabilities", async () => {
  await using reward = await openClient({}, { loaded: false });
  const early = reward.client.score({ items });
  await reward.started.load();
  const { results, labels, label, modelVersion } = await early;
  assert.deepEqual(labels, LABELS);
  assert.equal(label, "hate");
  assert.deepEqual(results.map(({ id }) => id), ["i0", "i1", "i2", "i3", "i4"]);
  for (const { score, logits, probabilities, tokens, truncatedTokens } of results) {
    assert.equal(score, logits[1]);
    assert.equal(logits.length, LABELS.length);
    assert.ok(Math.abs(probabilities.reduce((sum, p) => sum + p, 0) - 1) < 1e-6);
    assert.ok(tokens >= 2 && truncatedTokens === 0);
  }
  const other = await reward.client.score({ items, label: "unsure" });
  assert.equal(other.label, "unsure");
  assert.deepEqual(scores(other), other.results.map(({ logits }) => logits[2]));
  const info = await reward.client.getInfo({});
  assert.equal(info.modelVersion, modelVersion);
  assert.deepEqual(info.labels, LABELS);
  assert.equal(info.defaultLabel, "hate");
  assert.deepEqual(info.limits, {
    maxItems: 32,
    maxTokens: POSITIONS,
    maxTextBytes: 32_768,
    maxTextChars: 16_384,
    maxGroupItems: 64,
    maxRequestBytes: 4 * 2 ** 20,
    maxStreamItems: 250_000,
  });
  assert.equal(info.provider, "cpu");
});

Deno.test("a text's score does not depend on who else asks; groups as sent are bit-equal", async () => {
  await using reward = await openClient();
  const { client } = reward;
  const alone: number[] = [];
  for (const item of items) alone.push(scores(await client.score({ items: [item] }))[0]!);
  const calls = Array.from({ length: 6 }, (_, i) => {
    const own = items.slice(i % 3);
    return client.score({ items: own }).then((answer) => ({ own, found: scores(answer) }));
  });
  const group = client.score({ items, asSent: true });
  for (const { own, found } of await Promise.all(calls)) {
    for (const [i, { id }] of own.entries()) {
      assert.ok(Math.abs(found[i]! - alone[items.findIndex((item) => item.id === id)]!) <= 1e-5);
    }
  }
  const first = scores(await group);
  assert.deepEqual(scores(await client.score({ items, asSent: true })), first);
});

Deno.test("pairs: the query is cut where that was asked for, the response never", async () => {
  await using reward = await openClient();
  const { client } = reward;
  const long = { id: "long", query: "b".repeat(40), response: "you fool" };
  const { results } = await client.score({ items: [long], truncate: true });
  assert.equal(results[0]!.tokens, POSITIONS);
  const whole = 40 + 4 + 6;
  assert.equal(results[0]!.truncatedTokens, whole - POSITIONS);
  await assert.rejects(
    client.score({ items: [long] }),
    refused("INVALID_ARGUMENT", /item "long": it has 50 tokens, at most 32 are allowed; shorten/),
  );
  await assert.rejects(
    client.score({ items: [{ query: "b", response: "c".repeat(40) }], truncate: true }),
    refused("INVALID_ARGUMENT", /item 0: .*a response is never cut/),
  );
});

Deno.test("bad requests are refused with what is wrong", async () => {
  const limits = { max_items: 5, max_text_bytes: 50, max_text_chars: 45, max_group_items: 6 };
  await using reward = await openClient({
    label: null,
    limits: limitsOf({ ...limits, max_group_tokens: 20 }),
  });
  const { client } = reward;
  const label = "hate";
  const cases: [rewardV1.ScoreRequest, RegExp][] = [
    [{ items: [], label }, /0 items in one request: expected 1 to 5/],
    [{ items: [...items, ...items], label }, /10 items in one request/],
    [{ items, label: "Hate" }, /"Hate": the classifier's labels are "nothate", "hate", "unsure"/],
    [{ items }, /no default; name one of "nothate", "hate", "unsure"/],
    [{ items: [items[0]!, items[0]!], label }, /item "i0" twice/],
    [{ items: [{ query: "é".repeat(20), response: "b".repeat(11) }], label }, /have 51 bytes/],
    [{ items: [{ response: "b".repeat(46) }], label }, /have 46 characters, at most 45/],
    [{ items: [{ response: "a".repeat(24) + "🙂".repeat(6) }], label }, /has \d+ tokens/],
    [{ items: [...items, ...items], label, asSent: true }, /10 items .* 1 to 6/],
    [{ items, label, asSent: true }, /5 items padded to the longest are .* tokens, at most 20/],
  ];
  for (const [request, text] of cases) {
    await assert.rejects(client.score(request), refused("INVALID_ARGUMENT", text));
  }
  assert.equal((await client.getInfo({})).defaultLabel, "");
});

Deno.test("a stream answers every request once, in order; a bad one ends it", async () => {
  await using reward = await openClient();
  const { client } = reward;
  const requests = Array.from({ length: 40 }, (_, i): rewardV1.ScoreStreamRequest => ({
    requestId: `r${i}`,
    request: { items: items.slice(0, 1 + i % 5) },
  }));
  const found: [string, number][] = [];
  for await (const { requestId, response } of client.scoreStream(requests)) {
    found.push([requestId, response!.results.length]);
  }
  assert.deepEqual(found, requests.map(({ requestId }, i) => [requestId, 1 + i % 5]));
  const read = async (stream: AsyncIterable<unknown>) => {
    for await (const _ of stream);
  };
  await assert.rejects(
    read(client.scoreStream([requests[0]!, { requestId: "bad" }])),
    refused("INVALID_ARGUMENT", /request "bad" of the stream: it has no field "request"/),
  );
  await assert.rejects(
    read(client.scoreStream([{ requestId: "x", request: { items, label: "none" } }])),
    refused("INVALID_ARGUMENT", /Cannot score label "none"/),
  );
});

Deno.test("a stream over its bound is told to open another", async () => {
  await using reward = await openClient({ limits: limitsOf({ max_stream_items: 7 }) });
  const stream = reward.client.scoreStream([{ request: { items } }, { request: { items } }]);
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, refused("RESOURCE_EXHAUSTED", /takes 7 items: open another/));
});

Deno.test("overload is refused at once, callers in the queue keep their answers; a drain finishes them", async () => {
  const limits = limitsOf({ max_queue_items: 6 });
  const batching = { max_delay_ms: 300, max_items: 64, max_tokens: 4096 };
  await using reward = await openClient({ limits, batching });
  const { client, server } = reward;
  const kept = client.score({ items });
  await sleep(50);
  const flood = await Promise.allSettled(
    Array.from({ length: 20 }, () => client.score({ items }, { deadlineMs: 40 })),
  );
  for (const outcome of flood) {
    assert.equal(outcome.status, "rejected");
    const { code } = (outcome as PromiseRejectedResult).reason as RpcError;
    // Some were on their retry's pushback when the deadline came.
    assert.ok(["RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"].includes(code), code);
  }
  const drained = server.drain({ graceMs: 5000 });
  assert.equal((await kept).results.length, items.length);
  assert.equal((await drained).cutOff, 0);
});

Deno.test("a batch of one request is a span of its trace; one of several links to theirs", () =>
  traced(async (sink) => {
    await using reward = await openClient({
      batching: { max_delay_ms: 100, max_items: 64, max_tokens: 4096 },
    });
    const { client } = reward;
    await client.score({ items, asSent: true });
    await Promise.all([client.score({ items }), client.score({ items })]);
    const batches = () => sink.spans.filter(({ name }) => name === "reward.batch");
    const servers = () => sink.spans.filter(({ kind }) => kind === "server");
    await sink.waitFor(() => batches().length === 2 && servers().length === 3);
    const [alone, several] = batches();
    assert.equal(alone!.parentSpanId, servers()[0]!.spanId);
    assert.deepEqual(alone!.links, []);
    assert.equal(several!.parentSpanId, "");
    assert.deepEqual(
      several!.links.map(({ spanId }) => spanId).sort(),
      servers().slice(1).map(({ spanId }) => spanId).sort(),
    );
    assert.equal(several!.attributes["decorum.batch.sequences"], 2 * items.length);
  }));
