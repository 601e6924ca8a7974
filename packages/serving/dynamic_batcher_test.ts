import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { StatusError } from "@decorum/rpc";
import { WorkerDiedError } from "@decorum/runtime";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { InputError } from "@decorum/tensor";
import type { QueueLimits } from "./batch_queue.ts";
import { type Caller, DynamicBatcher } from "./dynamic_batcher.ts";
import type { Part } from "./pick_batch.ts";

const roomy: QueueLimits = {
  maxRows: 8,
  maxTokens: 40,
  maxDelayMs: 0,
  counted: "items",
  maxWaiting: 100,
  maxWaitingTokens: 1000,
};

/** A batcher whose batches end when the test says so, and what came of them. */
function open(limits: Partial<QueueLimits> = {}) {
  const batches: number[][] = [];
  const running: { signal: AbortSignal; end: PromiseWithResolvers<void> }[] = [];
  const session = {
    alive: true,
    reloads: 0,
    loading: Promise.resolve(),
    async reload() {
      session.reloads++;
      await session.loading;
      session.alive = true;
    },
  };
  const metrics = createMetrics({ service: "test", version: "0" });
  const batcher = new DynamicBatcher<Part>({
    ...{ service: "reward", queue: "score", limits: { ...roomy, ...limits }, metrics },
    logger: createLogger({ service: "test", write: () => {} }),
    sessionOf: () => session,
    async run(batch, signal) {
      batches.push(batch.map(({ inputTokens }) => inputTokens));
      const end = Promise.withResolvers<void>();
      running.push({ signal, end });
      await end.promise;
      return { realTokens: 3, paddingTokens: 1 };
    },
  });
  return {
    ...{ batcher, batches, session, metrics },
    /** Submits parts of these lengths; `alone`: each is a batch. */
    submit(
      lengths: readonly number[],
      { alone = false, ...caller }: Partial<Caller> & { alone?: boolean } = {},
    ) {
      const key = alone ? undefined : ["model"];
      const parts = lengths.map((inputTokens) => ({ rows: 1, inputTokens, outputTokens: 0, key }));
      const { signal } = new AbortController();
      const done = batcher.submit(parts, { signal, deadline: Infinity, wait: false, ...caller });
      done.catch(() => {});
      return done;
    },
    /** The batch that runs, once one does. */
    async runs() {
      while (running.length === 0) await sleep(1);
      return running[0]!;
    },
    /** Lets the batch that runs, or the next one, end. */
    async end(error?: Error) {
      const { end } = await this.runs();
      running.shift();
      if (error) end.reject(error);
      else end.resolve();
      await sleep(0);
    },
    async count(labels: string) {
      const { body } = await metrics.render();
      const found = body.split("\n").find((line) => line.startsWith(labels));
      return found === undefined ? undefined : Number(found.split(" ")[1]);
    },
  };
}

const refusedWith = (code: string, pushback?: (ms: number) => boolean) => (error: unknown) => {
  assert.ok(error instanceof StatusError, `${error}`);
  assert.equal(error.code, code);
  if (pushback) assert.ok(pushback(error.pushbackMs ?? -1), `pushback ${error.pushbackMs}`);
  return true;
};
const rejections = (reason: string) =>
  `decorum_queue_rejections_total{queue="score",reason="${reason}"}`;
const hour = 3_600_000;

Deno.test("a full batch never waits for others to come", async () => {
  // With a delay of an hour only a full batch can run before the test ends.
  const at = open({ maxDelayMs: hour, maxRows: 2, maxTokens: 100 });
  const first = at.submit([5]);
  await sleep(5);
  assert.deepEqual(at.batches, [], "one of two waits for another");
  const second = at.submit([6]);
  await at.end();
  await Promise.all([first, second]);
  // By tokens, and with a part that found no room.
  const [short, long] = [at.submit([10]), at.submit([95])];
  await at.end();
  await short;
  const group = at.submit([7], { alone: true });
  await at.end();
  await at.end();
  await Promise.all([long, group]);
  assert.deepEqual(at.batches, [[5, 6], [10], [95], [7]]);
  await at.batcher.stop();
});

Deno.test("a batch that is not full waits for its delay", async () => {
  const at = open({ maxDelayMs: 30 });
  const first = at.submit([5]);
  await sleep(5);
  const second = at.submit([6]);
  await at.end();
  const { queuedMs } = await first;
  await second;
  assert.ok(queuedMs >= 25, `${queuedMs}`);
  assert.deepEqual(at.batches, [[5, 6]]);
  await at.batcher.stop();
});

Deno.test("a full queue refuses at once with a pushback, lets streams wait, and recovers", async () => {
  const at = open({ maxWaiting: 2, maxWaitingTokens: 20 });
  const running = at.submit([5]);
  await at.runs();
  const waiting = at.submit([5, 5]);
  assert.equal(at.batcher.depth, 2);
  await assert.rejects(at.submit([5]), refusedWith("RESOURCE_EXHAUSTED", (ms) => ms >= 50));
  await assert.rejects(at.submit([5]), /2 items of 10 tokens wait; try again later/);
  const gone = new AbortController();
  const leaver = at.submit([6], { wait: true, signal: gone.signal });
  const late = at.submit([6], { wait: true, deadline: Date.now() + 5 });
  const stream = at.submit([4], { wait: true });
  gone.abort(new StatusError("CANCELLED", "gone"));
  await assert.rejects(leaver, /gone/);
  await assert.rejects(late, refusedWith("DEADLINE_EXCEEDED"));
  await at.end();
  await running;
  await at.end();
  await waiting;
  await at.end();
  await stream;
  assert.deepEqual(at.batches, [[5], [5, 5], [4]]);
  const long = [at.submit([20])];
  await at.runs();
  long.push(at.submit([20]));
  await assert.rejects(at.submit([5]), refusedWith("RESOURCE_EXHAUSTED"));
  await at.end();
  await at.end();
  await Promise.all(long);
  assert.equal(at.batcher.depth, 0);
  assert.equal(await at.count(rejections("depth")), 2);
  assert.equal(await at.count(rejections("tokens")), 1);
  assert.equal(await at.count('decorum_queue_tokens{queue="score"}'), 0);
  await at.batcher.stop();
});

Deno.test("where requests are counted, one of many parts counts once, until its last part runs", async () => {
  const at = open({ counted: "requests", maxWaiting: 2, maxRows: 2 });
  const running = at.submit([5], { alone: true });
  await at.runs();
  const waiting = [at.submit([5, 6, 7]), at.submit([30])];
  assert.equal(at.batcher.depth, 2);
  await assert.rejects(at.submit([5]), /2 requests of 48 tokens wait/);
  await at.end();
  await at.runs();
  assert.equal(at.batcher.depth, 2, "a part of the first is left");
  await at.end();
  await at.end();
  await at.end();
  await Promise.all([running, ...waiting]);
  assert.deepEqual(at.batches, [[5], [5, 6], [7], [30]]);
  await at.batcher.stop();
});

Deno.test("the pushback is half the time that the waiting batches take", async () => {
  const at = open({ maxWaiting: 6, maxRows: 2 });
  const running = at.submit([5]);
  await at.runs();
  await sleep(120);
  // Two batches of two, one of one, and one that runs alone: 4 x 120 ms / 2.
  const waiting = [at.submit([5, 5, 5, 5, 5]), at.submit([9], { alone: true })];
  await assert.rejects(at.submit([5]), refusedWith("RESOURCE_EXHAUSTED", (ms) => ms >= 240));
  await at.end();
  await running;
  // The batch that ended took longer than the one that runs: three wait now.
  const { pushbackMs } = at.batcher.refusal("streams", "9 streams are open");
  assert.ok(pushbackMs! >= 180, `${pushbackMs}`);
  assert.equal(await at.count(rejections("streams")), 1);
  for (let i = 0; i < 4; i++) await at.end();
  await Promise.all(waiting);
  await at.batcher.stop();
});

Deno.test("what could never be taken is refused for good", async () => {
  const at = open({ maxWaiting: 2, maxWaitingTokens: 50 });
  await assert.rejects(at.submit([1, 1, 1]), /3 items of 3 tokens.*at most 2/);
  await assert.rejects(at.submit([26, 26], { alone: true, wait: true }), InputError);
  await assert.rejects(at.submit([9, 41]), /part 1 of the request.*41 tokens, a batch holds/);
  const alone = at.submit([45], { alone: true });
  await at.end();
  await alone;
  await at.batcher.stop();
});

Deno.test("who has gone, or whose deadline has passed, leaves at once and never reaches a batch", async () => {
  const at = open();
  const running = at.submit([5]);
  await at.runs();
  const gone = new AbortController();
  const cancelled = at.submit([6, 6], { signal: gone.signal });
  const expired = at.submit([7], { deadline: Date.now() + 5 });
  const late = at.submit([7], { deadline: Date.now() - 1 });
  const kept = at.submit([8]);
  assert.equal(at.batcher.depth, 5);
  gone.abort(new StatusError("CANCELLED", "gone"));
  assert.equal(at.batcher.depth, 3);
  await assert.rejects(cancelled, /gone/);
  // While the first batch runs still.
  await assert.rejects(expired, refusedWith("DEADLINE_EXCEEDED"));
  await assert.rejects(late, refusedWith("DEADLINE_EXCEEDED"));
  assert.equal(at.batcher.depth, 1);
  await assert.rejects(at.submit([5], { signal: gone.signal }), /gone/);
  await at.end();
  await at.end();
  await Promise.all([running, kept]);
  assert.deepEqual(at.batches, [[5], [8]]);
  assert.equal(await at.count(rejections("cancelled")), 1);
  assert.equal(await at.count(rejections("deadline_exceeded")), 2);
  await at.batcher.stop();
});

Deno.test("a batch is told when nobody waits for it any more, and not before", async () => {
  const at = open({ maxDelayMs: 5 });
  const [a, b] = [new AbortController(), new AbortController()];
  const calls = [at.submit([5], { signal: a.signal }), at.submit([6], { signal: b.signal })];
  const { signal } = await at.runs();
  a.abort(new Error("gone"));
  await assert.rejects(calls[0]!, /gone/);
  assert.equal(signal.aborted, false);
  b.abort(new Error("gone too"));
  await assert.rejects(calls[1]!, /gone too/);
  assert.equal(signal.aborted, true);
  await at.end();
  assert.equal(await at.count(rejections("cancelled")), undefined, "they ran already");
  await at.batcher.stop();
});

Deno.test("when the model's thread ends its callers may come again, and the model is loaded again", async () => {
  const at = open({ maxTokens: 10 });
  const split = at.submit([9, 9]);
  await at.runs();
  at.session.alive = false;
  await at.end(new WorkerDiedError("it ended"));
  await assert.rejects(split, refusedWith("UNAVAILABLE", (ms) => ms === 500));
  assert.equal(at.batcher.depth, 0, "the rest of the request was dropped");
  const next = at.submit([5]);
  await at.end();
  await next;
  assert.equal(at.session.reloads, 1);
  assert.deepEqual(at.batches, [[9], [5]]);
  await at.batcher.stop();
});

Deno.test("a thread that ended while nothing ran costs no caller anything", async () => {
  const at = open();
  at.session.alive = false;
  const loading = Promise.withResolvers<void>();
  at.session.loading = loading.promise;
  const gone = new AbortController();
  const left = at.submit([5], { signal: gone.signal });
  while (at.session.reloads === 0) await sleep(1);
  gone.abort(new Error("gone"));
  await assert.rejects(left, /gone/);
  const next = at.submit([6]);
  loading.resolve();
  await at.end();
  await next;
  assert.deepEqual(
    at.batches,
    [[6]],
    "a batch whose callers left while the model was loaded is not run",
  );
  at.session.alive = false;
  at.session.loading = Promise.reject(new Error("no memory"));
  await assert.rejects(at.submit([7]), /no memory/);
  const reloads = 'decorum_model_reloads_total{reason="worker_died",outcome=';
  assert.equal(await at.count(`${reloads}"loaded"}`), 1);
  assert.equal(await at.count(`${reloads}"failed"}`), 1);
  await at.batcher.stop();
});

Deno.test("another error of a batch is its callers' alone", async () => {
  const at = open();
  const failed = at.submit([5]);
  await at.end(new Error("not finite"));
  await assert.rejects(failed, /not finite/);
  const next = at.submit([6]);
  await at.end();
  const { queuedMs, inferenceMs } = await next;
  assert.ok(queuedMs >= 0 && inferenceMs >= 0);
  assert.equal(at.session.reloads, 0);
  assert.equal(await at.count('decorum_batch_size_count{queue="score"}'), 1);
  assert.equal(await at.count('decorum_batch_duration_seconds_count{queue="score"}'), 2);
  await at.batcher.stop();
});

Deno.test("stop runs what is queued, and takes nothing more", async () => {
  const at = open({ maxDelayMs: hour });
  const waiting = [at.submit([5]), at.submit([6])];
  const stopped = at.batcher.stop();
  await at.end();
  await Promise.all([...waiting, stopped]);
  assert.deepEqual(at.batches, [[5, 6]]);
  await assert.rejects(at.submit([5]), refusedWith("UNAVAILABLE"));
});

Deno.test("the age of the oldest is asked for once an exposition", () => {
  const metrics = createMetrics({ service: "test", version: "0" });
  let collectors = 0;
  const counting = {
    ...metrics,
    onRender(collect: () => void) {
      collectors++;
      metrics.onRender(collect);
    },
  };
  new DynamicBatcher<Part>({
    ...{ service: "reward", queue: "score", limits: roomy, metrics: counting },
    logger: createLogger({ service: "test", write: () => {} }),
    sessionOf: () => ({ alive: true, reload: () => Promise.resolve() }),
    run: () => Promise.resolve({ realTokens: 0, paddingTokens: 0 }),
  });
  assert.equal(collectors, 1);
});
