import assert from "node:assert/strict";
import { delay } from "./delay.ts";

/** Longer than any test may take: what ends earlier was ended by its signal. */
const NEVER_MS = 1e9;

Deno.test("a delay ends by its time", async () => {
  const began = performance.now();
  await delay(20);
  // Timers count whole milliseconds.
  assert.ok(performance.now() - began >= 19);
});

Deno.test("a delay ends as soon as one of its signals is aborted, before or after its start", async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = delay(NEVER_MS, first.signal, second.signal);
  second.abort();
  await waiting;
  await delay(NEVER_MS, first.signal, second.signal);
});
