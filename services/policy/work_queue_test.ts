import assert from "node:assert/strict";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { StatusError } from "@decorum/rpc";
import { createMetrics } from "@decorum/telemetry";
import { Channel } from "./channel.ts";
import { pickBatch } from "./pick_batch.ts";
import type { HeldWeights } from "./weights.ts";
import {
  type GenerationRequest,
  paddedTokens,
  type Row,
  type TokenChunk,
  type Work,
} from "./work.ts";
import { type QueueLimits, WorkQueue } from "./work_queue.ts";

const heldWeights = (runId: string): HeldWeights => ({
  label: { kind: "START", runId, version: 0, sha256: new Uint8Array() },
  feeds: {},
});
const weights = heldWeights("");
const sampling = { doSample: true, temperature: 1, topK: 0, topP: 1 };

function row(length: number, maxNewTokens = 4): Row {
  return {
    key: "k",
    ids: Array<number>(length).fill(3),
    minNewTokens: 0,
    maxNewTokens,
    uniforms: (_, count) => new Float32Array(count),
  };
}

function work(
  lengths: readonly number[],
  some: Partial<GenerationRequest> & Partial<Pick<Work, "signal" | "deadline">> = {},
): Work {
  const { signal = new AbortController().signal, deadline = Infinity, ...request } = some;
  const rows = lengths.map((length) => row(length));
  return {
    request: {
      rows,
      sampling,
      weights,
      start: weights,
      asSent: false,
      stream: false,
      refLogprobs: false,
      ...request,
    },
    rows,
    results: new Channel<TokenChunk>(),
    signal,
    deadline,
    context: ROOT_CONTEXT,
    queuedAt: performance.now(),
  };
}

function queueOf(limits: Partial<QueueLimits> = {}) {
  const metrics = createMetrics({ service: "policy", version: "test" });
  const queue = new WorkQueue({
    maxPrompts: 8,
    maxTokens: 1000,
    maxRequests: 3,
    maxQueuedTokens: 1000,
    maxDelayMs: 0,
    ...limits,
  }, metrics);
  return { queue, metrics };
}

/** What comes out of a channel at its end. */
async function outcome(channel: Channel<TokenChunk>): Promise<unknown> {
  let caught: unknown;
  try {
    for await (const _ of channel);
  } catch (error) {
    caught = error;
  }
  return caught;
}

Deno.test("padded tokens: rows times the longest prompt and the most new tokens", () => {
  assert.equal(paddedTokens([row(3, 10), row(7, 2)]), 2 * (7 + 10));
});

Deno.test("a batch has one kind of weights and sampling, fits, and prefers like lengths", () => {
  const limits = { maxPrompts: 4, maxTokens: 100 };
  const first = work([10]);
  const pick = (...others: Work[]) => pickBatch([first, ...others], limits).slice(1);
  const alike = work([10]);
  assert.deepEqual(pick(alike), [alike]);
  assert.deepEqual(pick(work([10], { asSent: true })), []);
  assert.deepEqual(pick(work([10], { weights: heldWeights("other") })), []);
  assert.deepEqual(pick(work([10], { sampling: { ...sampling, temperature: 2 } })), []);
  assert.deepEqual(pick(work([10], { sampling: { ...sampling, topK: 5 } })), []);
  assert.deepEqual(pick(work([10], { stream: true })).length, 1);
  // Too many rows; too many padded tokens, but the next one fits.
  assert.deepEqual(pick(work([9, 9, 9, 9]), alike), [alike]);
  assert.deepEqual(pick(work([60]), alike), [alike]);
  const [far, near] = [work([2, 2]), work([9, 9])];
  assert.deepEqual(pick(far, near), [near]);
  assert.deepEqual(pickBatch([work([9], { asSent: true }), alike], limits).length, 1);
  assert.deepEqual(pickBatch([], limits), []);
});

Deno.test("a full queue refuses with a pushback, by requests and by tokens", async () => {
  const { queue, metrics } = queueOf();
  for (let i = 0; i < 3; i++) queue.add([work([6, 6])]);
  assert.equal(queue.depth, 3);
  assert.equal(queue.tokens, 60);
  const refused = (error: StatusError) => {
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert(error.pushbackMs! >= 100 && error.pushbackMs! <= 10_000);
    return true;
  };
  assert.throws(() => queue.add([work([6])]), refused);
  queue.took(3000);
  assert.throws(() => queue.add([work([6])]), (error: StatusError) => error.pushbackMs === 4500);
  const narrow = queueOf({ maxQueuedTokens: 39 });
  // A request of two parts counts once and is taken whole or not at all.
  const parts = work([6, 6]);
  narrow.queue.add([parts, { ...parts, rows: [row(5)] }]);
  assert.equal(narrow.queue.depth, 1);
  assert.throws(() => narrow.queue.add([work([1, 6])]), refused);
  assert.equal(narrow.queue.depth, 1);
  const { body } = await metrics.render();
  assert.match(body, /decorum_queue_rejections_total\{queue="generate",reason="requests"\} 2/);
  assert.match(body, /decorum_queue_depth\{queue="generate"\} 3/);
  assert.match(body, /decorum_queue_tokens\{queue="generate"\} 60/);
});

Deno.test("who has gone, or whose deadline has passed, never reaches a batch", async () => {
  const { queue, metrics } = queueOf();
  const controller = new AbortController();
  const gone = work([6], { signal: controller.signal });
  const late = work([6], { deadline: Date.now() - 1 });
  const here = work([6]);
  queue.add([gone]);
  queue.add([late]);
  queue.add([here]);
  controller.abort(new StatusError("CANCELLED", "gone"));
  assert.equal(queue.depth, 2, "it leaves at once");
  assert.deepEqual(await queue.take(), [here]);
  assert.equal(queue.depth, 0);
  assert.equal((await outcome(gone.results) as StatusError).code, "CANCELLED");
  assert.equal((await outcome(late.results) as StatusError).code, "DEADLINE_EXCEEDED");
  assert.throws(() => queue.add([gone]), { code: "CANCELLED" });
  const { body } = await metrics.render();
  assert.match(body, /rejections_total\{queue="generate",reason="cancelled"\} 1/);
  assert.match(body, /rejections_total\{queue="generate",reason="deadline_exceeded"\} 1/);
});

Deno.test("a request waits for others, a group does not; a closed queue empties and ends", async () => {
  const { queue } = queueOf({ maxDelayMs: 80 });
  const taken = queue.take();
  const [a, b] = [work([6]), work([6])];
  queue.add([a]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  queue.add([b]);
  assert.deepEqual(await taken, [a, b]);
  const [group, other] = [work([6], { asSent: true }), work([6])];
  queue.add([group]);
  queue.add([other]);
  assert.deepEqual(await queue.take(), [group]);
  queue.close();
  assert.deepEqual(await queue.take(), [other]);
  assert.equal(await queue.take(), undefined);
});

Deno.test("a channel gives everything sent before its error, and nothing after", async () => {
  const channel = new Channel<number>();
  channel.send(1);
  channel.send(2);
  channel.fail(new Error("over"));
  channel.send(3);
  channel.fail(new Error("again"));
  const got: number[][] = [];
  await assert.rejects(async () => {
    for await (const values of channel) got.push(values);
  }, /over/);
  assert.deepEqual(got, [[1, 2]]);
});
