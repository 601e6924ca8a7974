import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { inOrder } from "./streams.ts";

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

async function* upTo(n: number, pull: (i: number) => void = () => {}) {
  for (let i = 0; i < n; i++) {
    pull(i);
    await sleep(0);
    yield i;
  }
}

Deno.test("results come in the order of the values, however long each takes", async () => {
  const found = await collect(inOrder(upTo(12), 4, async (i) => {
    await sleep((7 * i) % 5);
    return i * 10;
  }));
  assert.deepEqual(found, Array.from({ length: 12 }, (_, i) => i * 10));
  assert.deepEqual(await collect(inOrder(upTo(0), 4, (i) => Promise.resolve(i))), []);
});

Deno.test("no more values are pulled than are worked on", async () => {
  let pulled = 0;
  let running = 0;
  let most = 0;
  let full = Promise.withResolvers<void>();
  // Each waits until three run.
  const results = inOrder(upTo(6, () => pulled++), 3, async (i) => {
    const mine = full;
    most = Math.max(most, ++running);
    if (running === 3) {
      full = Promise.withResolvers();
      mine.resolve();
    }
    await mine.promise;
    running--;
    return i;
  });
  await results.next();
  assert.equal(pulled, 3);
  await collect(results);
  assert.equal(most, 3);
});

Deno.test("an answer does not wait for the next value", async () => {
  const more = Promise.withResolvers<void>();
  async function* slow() {
    yield 1;
    await more.promise;
    yield 2;
  }
  const results = inOrder(slow(), 4, (i) => Promise.resolve(i));
  assert.equal((await results.next()).value, 1);
  more.resolve();
  assert.deepEqual(await collect(results), [2]);
});

Deno.test("the first failure ends it, and the source is closed", async () => {
  let closed = false;
  async function* source() {
    try {
      yield* upTo(10);
    } finally {
      closed = true;
    }
  }
  const results = inOrder(
    source(),
    2,
    (i) => i === 3 ? Promise.reject(new Error("no 3")) : Promise.resolve(i),
  );
  const found: number[] = [];
  await assert.rejects(async () => {
    for await (const i of results) found.push(i);
  }, /no 3/);
  await sleep(5);
  assert.deepEqual([found, closed], [[0, 1, 2], true]);
});
