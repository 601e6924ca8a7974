import assert from "node:assert/strict";
import { delay } from "./delay.ts";
import { backoffMs, retry } from "./retry.ts";

const backoff = { firstMs: 1, longestMs: 4 };

Deno.test("pauses double up to the longest", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map((tries) => backoffMs(backoff, tries)), [1, 2, 4, 4, 4]);
});

Deno.test("retry calls until it succeeds", async () => {
  const failed: number[] = [];
  const mayPass = (_: unknown, tries: number) => failed.push(tries) > 0;
  const call = (tries: number) => tries < 4 ? Promise.reject(new Error()) : Promise.resolve(tries);
  assert.equal(await retry(call, { backoff, mayPass }), 4);
  assert.deepEqual(failed, [1, 2, 3]);
});

Deno.test("retry ends with the last error when no try is left, and at once for one that cannot pass", async () => {
  let tries = 0;
  const call = () => Promise.reject(new Error(`try ${++tries}`));
  await assert.rejects(
    retry(call, { backoff, attempts: 3, mayPass: () => true }),
    /^Error: try 3$/,
  );
  await assert.rejects(retry(call, { backoff, mayPass: () => false }), /^Error: try 4$/);
});

Deno.test("a pause is as long as the other side asks", async () => {
  const stop = new AbortController();
  let tries = 0;
  const paused = retry(() => Promise.reject(new Error(`try ${++tries}`)), {
    ...{ backoff, signal: stop.signal, mayPass: () => true },
    askedMs: (error) => (error as Error).message === "try 2" ? 1e9 : undefined,
  });
  const ends = assert.rejects(paused, /^Error: enough$/);
  await delay(50);
  assert.equal(tries, 2);
  stop.abort(new Error("enough"));
  await ends;
});

Deno.test("an aborted signal ends a retry, in a call or in a pause", async () => {
  const stop = new AbortController();
  const options = { signal: stop.signal, mayPass: () => true };
  const paused = retry(() => Promise.reject(new Error()), {
    ...options,
    backoff: { firstMs: 1e9, longestMs: 1e9 },
  });
  const called = retry(
    () => new Promise((_, reject) => stop.signal.addEventListener("abort", reject)),
    options,
  );
  const ends = Promise.all([
    assert.rejects(paused, /^Error: enough$/),
    assert.rejects(called, /^Error: enough$/),
  ]);
  stop.abort(new Error("enough"));
  await ends;
});
