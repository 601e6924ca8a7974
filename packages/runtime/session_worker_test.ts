import assert from "node:assert/strict";
import { float32, tensor } from "@decorum/tensor";
import { createSession, SessionWorker, WorkerDiedError, workerUsage } from "./mod.ts";
import { withFailingThreads } from "@decorum/testing/worker";
import { model, slowFeeds, threads } from "./testing/models.ts";

Deno.test("the event loop turns while a model runs", async () => {
  await using session = await createSession(model("slow"), threads);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const begin = performance.now();
  const { total } = await session.run(slowFeeds(2000), ["total"]);
  const ms = performance.now() - begin;
  clearInterval(timer);
  assert.equal(total?.data[0], 192 * 192);
  assert.ok(ms > 50, `the run took only ${ms} ms, too short to tell`);
  assert.ok(ticks >= 3, `${ticks} ticks in ${ms} ms`);
});

Deno.test("runs in one worker are queued, first come, first served", async () => {
  using worker = new SessionWorker();
  await using a = await createSession(model("slow"), threads, worker);
  await using b = await createSession(model("sum_product"), threads, worker);
  const order: string[] = [];
  const one = float32([1, 3], [1, 1, 1]);
  await Promise.all([
    a.run(slowFeeds(100)).then(() => order.push("slow")),
    b.run({ x: one, y: one }).then(() => order.push("quick")),
    a.run(slowFeeds(1)).then(() => order.push("last")),
  ]);
  assert.deepEqual(order, ["slow", "quick", "last"]);
  await a.release();
  assert.equal((await b.run({ x: one, y: one }))["sum"]?.data[0], 2, "the other session stays");
});

Deno.test("sessions in workers of their own run at the same time", async () => {
  await using a = await createSession(model("slow"), threads);
  await using b = await createSession(model("sum_product"), threads);
  const order: string[] = [];
  const one = float32([1, 3], [1, 1, 1]);
  await Promise.all([
    a.run(slowFeeds(2000)).then(() => order.push("slow")),
    b.run({ x: one, y: one }).then(() => order.push("quick")),
  ]);
  assert.deepEqual(order, ["quick", "slow"]);
});

Deno.test("abort drops a run that waits and abandons one that runs", async () => {
  await using session = await createSession(model("slow"), threads);
  const running = new AbortController();
  const waiting = new AbortController();
  const first = session.run(slowFeeds(2000), ["total"], { signal: running.signal });
  const second = session.run(slowFeeds(100_000), ["total"], { signal: waiting.signal });
  let over = false;
  const third = session.run(slowFeeds(1), ["total"]).finally(() => over = true);
  waiting.abort(new Error("changed my mind"));
  running.abort(new Error("too slow"));
  await assert.rejects(first, { message: "too slow" });
  await assert.rejects(second, /changed my mind/);
  assert.equal(over, false, "rejected before the run was over");
  assert.equal((await third)["total"]?.data[0], 192 * 192);
  await assert.rejects(
    session.run(slowFeeds(1), undefined, { signal: AbortSignal.abort(new Error("before")) }),
    /before/,
  );
});

Deno.test("a worker that dies fails the running, the waiting and every later call", async () => {
  await withFailingThreads(async () => {
    const worker = new SessionWorker();
    const create = () => createSession(model("slow"), threads, worker);
    const running = assert.rejects(create(), WorkerDiedError);
    const waiting = assert.rejects(create(), /the thread failed/);
    await Promise.all([running, waiting]);
    assert.equal(worker.alive, false);
    await assert.rejects(create(), WorkerDiedError);
  });
});

Deno.test("terminating a worker fails what runs in it", async () => {
  const worker = new SessionWorker();
  const session = await createSession(model("slow"), threads, worker);
  const running = assert.rejects(session.run(slowFeeds(4000)), /it was terminated/);
  setTimeout(() => worker.terminate(), 20);
  await running;
  worker.terminate();
  await assert.rejects(session.run(slowFeeds(1)), WorkerDiedError);
  await session.release();
});

Deno.test("results outlive the session and its worker", async () => {
  const session = await createSession(model("sum_product"), threads);
  const n = 100_000;
  const x = tensor("float32", [n, 3], new Float32Array(3 * n).fill(2));
  const { sum } = await session.run({ x, y: x }, ["sum"]);
  await session.release();
  await new Promise((done) => setTimeout(done, 50));
  assert.ok(sum?.data.every((v) => v === 4));
});

Deno.test("release waits for runs, works twice, and ends use", async () => {
  const session = await createSession(model("slow"), { ...threads, name: "once" });
  const run = session.run(slowFeeds(50), ["total"]);
  await Promise.all([session.release(), session.release()]);
  assert.equal((await run)["total"]?.data[0], 192 * 192);
  await session.release();
  await assert.rejects(session.run(slowFeeds(1)), /Cannot use session "once": it was released/);
});

Deno.test("a worker tells what it holds and how long it was busy, until its thread ends", async () => {
  const mine = () => workerUsage().filter(({ name }) => name === "counted");
  const session = await createSession(model("slow"), { ...threads, name: "counted" });
  const [before] = mine();
  assert.equal(before?.sessions, 1);
  assert.ok(before.heap > 0 && before.sessionBytes >= 0);
  await session.run(slowFeeds(500), ["total"]);
  assert.ok(mine()[0]!.busySeconds > before.busySeconds);
  await session.release();
  assert.deepEqual(mine(), []);
});
