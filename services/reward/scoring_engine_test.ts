import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { StatusError } from "@decorum/rpc";
import { WorkerDiedError } from "@decorum/runtime";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { ScoringEngine } from "./scoring_engine.ts";
import type { ScoringModel, ScoringRequest } from "./scoring_job.ts";
import type { QueueLimits } from "./scoring_queue.ts";

const logger = createLogger({ service: "test", write: () => {} });
const metrics = () => createMetrics({ service: "test", version: "0" });
const roomy: QueueLimits = {
  maxItems: 8,
  maxTokens: 40,
  maxDelayMs: 5,
  maxQueuedItems: 100,
  maxQueuedTokens: 1000,
};

/** A model that notes its batches and waits before it answers; an item's logit is its first id. */
function fakeModel(options: { hold?: boolean } = {}) {
  const batches: number[][] = [];
  const held: (() => void)[] = [];
  let failWith: Error | undefined;
  let reloads = 0;
  let alive = true;
  const model: ScoringModel = {
    packed: false,
    get alive() {
      return alive;
    },
    async logits(items) {
      batches.push(items.map(({ ids }) => ids.length));
      if (options.hold) await new Promise<void>((resolve) => held.push(resolve));
      if (failWith) {
        const error = failWith;
        failWith = undefined;
        alive = !(error instanceof WorkerDiedError);
        throw error;
      }
      return items.map(({ ids }) => Float32Array.of(ids[0]!));
    },
    reload: () => {
      reloads++;
      alive = true;
      return Promise.resolve();
    },
  };
  return {
    model,
    batches,
    /** Lets the batch in hand end. */
    async release() {
      while (held.length === 0) await sleep(1);
      held.shift()!();
      await sleep(1);
    },
    failNext: (error: Error) => failWith = error,
    get reloads() {
      return reloads;
    },
  };
}

const item = (length: number, first = 7) => ({
  ids: [first, ...Array<number>(length - 1).fill(0)],
  truncated: 0,
});
const request = (
  lengths: readonly number[],
  fields: Partial<{ asSent: boolean; signal: AbortSignal; deadline: number }> = {},
) => ({
  items: lengths.map((length, i) => item(length, i)),
  asSent: false,
  signal: new AbortController().signal,
  deadline: Infinity,
  ...fields,
});
/** An engine, all whose requests are for one model unless they say otherwise. */
function engineOf(model: ScoringModel, limits: Partial<QueueLimits> = {}) {
  const engine = new ScoringEngine({ limits: { ...roomy, ...limits }, metrics: metrics(), logger });
  return {
    queue: engine.queue,
    statistics: engine.statisticsOf(model),
    idle: (of: ScoringModel) => engine.idle(of),
    stop: () => engine.stop(),
    score: async (
      asked: Omit<ScoringRequest, "model"> & { model?: ScoringModel },
      options?: { wait: boolean },
    ) => (await engine.score({ model, ...asked }, options)).logits,
  };
}
const refusedWith = (code: string) => (error: unknown) =>
  error instanceof StatusError && error.code === code;

Deno.test("requests of many callers run together, by length; each gets its own answers in order", async () => {
  const fake = fakeModel();
  const engine = engineOf(fake.model);
  const answers = await Promise.all([
    engine.score(request([3, 20, 4])),
    engine.score(request([4])),
    engine.score(request([19, 2])),
  ]);
  // Of 40 padded tokens: the oldest item has length 3; 19 and 20 come together in a second batch.
  assert.deepEqual(fake.batches, [[2, 3, 4, 4], [19, 20]]);
  assert.deepEqual(answers.map((rows) => rows.map(([x]) => x)), [[0, 1, 2], [0], [0, 1]]);
  await engine.stop();
});

Deno.test("a group to be executed as sent is one batch, over the limits too, and nothing joins it", async () => {
  const fake = fakeModel();
  const engine = engineOf(fake.model);
  const others = [engine.score(request([5])), engine.score(request([5]))];
  const group = engine.score(request([9, 5, 30, 5], { asSent: true }));
  await Promise.all([...others, group, engine.score(request([6]))]);
  assert.deepEqual(fake.batches, [[5, 5, 6], [9, 5, 30, 5]]);
  await engine.stop();
});

Deno.test("a full queue refuses at once with a pushback, lets streams wait, and recovers", async () => {
  const fake = fakeModel({ hold: true });
  const engine = engineOf(fake.model, { maxQueuedItems: 2, maxDelayMs: 0 });
  const running = engine.score(request([5]));
  await sleep(5);
  const waiting = engine.score(request([5, 5]));
  await assert.rejects(engine.score(request([5])), (error) => {
    assert.ok(refusedWith("RESOURCE_EXHAUSTED")(error));
    assert.ok(((error as StatusError).pushbackMs ?? 0) >= 50);
    assert.match(`${error}`, /2 items of 10 tokens wait; try again later/);
    return true;
  });
  const gone = new AbortController();
  const leaver = engine.score(request([6], { signal: gone.signal }), { wait: true });
  const stream = engine.score(request([4]), { wait: true });
  gone.abort(new StatusError("CANCELLED", "gone"));
  await assert.rejects(leaver, /gone/);
  await fake.release();
  assert.equal((await running).length, 1);
  await fake.release();
  assert.equal((await waiting).length, 2);
  await fake.release();
  assert.equal((await stream).length, 1);
  assert.deepEqual(fake.batches, [[5], [5, 5], [4]]);
  const later = engine.score(request([5]));
  await fake.release();
  assert.equal((await later).length, 1);
  assert.deepEqual([engine.queue.items, engine.queue.tokens], [0, 0]);
  await engine.stop();
});

Deno.test("what could never be taken is refused for good", async () => {
  const fake = fakeModel();
  const engine = engineOf(fake.model, { maxQueuedItems: 2, maxQueuedTokens: 50 });
  await assert.rejects(engine.score(request([1, 1, 1])), /3 items of 3 tokens.*at most 2 items/);
  await assert.rejects(
    engine.score(request([9, 30], { asSent: true }), { wait: true }),
    InputError,
  );
  assert.equal((await engine.score(request([9, 30]))).length, 2);
  await assert.rejects(engine.score(request([9, 41])), /item 1: it has 41 tokens, a batch holds/);
  await engine.stop();
});

Deno.test("cancelled and expired requests cost nothing", async () => {
  const fake = fakeModel({ hold: true });
  const engine = engineOf(fake.model, { maxDelayMs: 0 });
  const running = engine.score(request([5]));
  await sleep(5);
  const gone = new AbortController();
  const cancelled = engine.score(request([6, 6], { signal: gone.signal }));
  const expired = assert.rejects(
    engine.score(request([7], { deadline: Date.now() + 5 })),
    refusedWith("DEADLINE_EXCEEDED"),
  );
  const kept = engine.score(request([8]));
  gone.abort(new StatusError("CANCELLED", "gone"));
  await assert.rejects(cancelled, /gone/);
  await sleep(10);
  await fake.release();
  await expired;
  await fake.release();
  await Promise.all([running, kept]);
  assert.deepEqual(fake.batches, [[5], [8]]);
  await assert.rejects(engine.score(request([5], { signal: gone.signal })), /gone/);
  await engine.stop();
});

Deno.test("when the model's thread ends its callers may come again, and the model is loaded again", async () => {
  const fake = fakeModel();
  const engine = engineOf(fake.model, { maxTokens: 10 });
  fake.failNext(new WorkerDiedError("it ended"));
  const split = engine.score(request([9, 9]));
  await assert.rejects(split, (error) => {
    assert.ok(refusedWith("UNAVAILABLE")(error));
    assert.equal((error as StatusError).pushbackMs, 500);
    return true;
  });
  assert.equal(engine.queue.items, 0, "the rest of the request was dropped");
  assert.equal((await engine.score(request([5]))).length, 1);
  assert.equal(fake.reloads, 1);
  await engine.stop();
});

Deno.test("stop waits for what is queued", async () => {
  const fake = fakeModel();
  const engine = engineOf(fake.model, { maxDelayMs: 50 });
  const answers = Promise.all([engine.score(request([5])), engine.score(request([6]))]);
  await sleep(1);
  await engine.stop();
  assert.equal((await answers).length, 2);
});

Deno.test("while one model takes another's place, batches are of one model, and the old one is idle after its last", async () => {
  const [old, next] = [fakeModel({ hold: true }), fakeModel()];
  const engine = engineOf(old.model, { maxDelayMs: 0 });
  const running = engine.score(request([5]));
  await sleep(5);
  const waiting = [engine.score(request([6])), engine.score(request([6, 7]))];
  const swapped = engine.score({ ...request([6]), model: next.model });
  let idle = false;
  const retired = engine.idle(old.model).then(() => idle = true);
  await old.release();
  await running;
  assert.equal(idle, false);
  await old.release();
  await Promise.all([...waiting, swapped, retired]);
  assert.deepEqual(old.batches, [[5], [6, 6, 7]]);
  assert.deepEqual(next.batches, [[6]]);
  await engine.idle(next.model);
  await engine.stop();
});

Deno.test("a model whose callers have gone is not idle before its batch ends", async () => {
  const fake = fakeModel({ hold: true });
  const engine = engineOf(fake.model, { maxDelayMs: 0 });
  const gone = new AbortController();
  const left = assert.rejects(engine.score(request([5], { signal: gone.signal })), /gone/);
  await sleep(5);
  gone.abort(new StatusError("CANCELLED", "gone"));
  await left;
  let idle = false;
  const retired = engine.idle(fake.model).then(() => idle = true);
  await sleep(5);
  assert.equal(idle, false);
  await fake.release();
  await retired;
  await engine.stop();
});

Deno.test("statistics count batches by their size", async () => {
  const fake = fakeModel();
  const engine = engineOf(fake.model);
  await Promise.all([engine.score(request([4])), engine.score(request([4, 5]))]);
  await engine.score(request([4]));
  assert.deepEqual([...engine.statistics.batches].map(([size, { count }]) => [size, count]), [
    [3, 1],
    [1, 1],
  ]);
  await engine.stop();
});
