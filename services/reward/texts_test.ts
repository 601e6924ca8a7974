import assert from "node:assert/strict";
import { limitsOf } from "./testing/open_reward.ts";
import { encodeTexts } from "./texts.ts";

const limits = limitsOf({});
const texts = (count: number) => ({
  items: Array.from({ length: count }, (_, i) => ({ response: `${i}` })),
  nameOf: (i: number) => `item ${i}`,
  truncate: false,
  asSent: false,
});

/** Takes its time for every text. */
const slow = {
  encode({ response }: { response: string }) {
    const until = performance.now() + 6;
    while (performance.now() < until);
    return { ids: [Number(response)], truncated: 0 };
  },
};

Deno.test("others are served while many long texts are encoded", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { signal } = new AbortController();
  const encoded = await encodeTexts(texts(20), limits, slow, signal);
  clearInterval(timer);
  assert.deepEqual(encoded.map(({ ids: [id] }) => id), Array.from({ length: 20 }, (_, i) => i));
  assert.ok(turns >= 5, `${turns} turns`);
});

Deno.test("a caller that has gone is not encoded for any more", async () => {
  const gone = new AbortController();
  let count = 0;
  const encode: typeof slow.encode = (item) => {
    if (++count === 3) gone.abort(new Error("gone"));
    return slow.encode(item);
  };
  await assert.rejects(encodeTexts(texts(20), limits, { encode }, gone.signal), /gone/);
  assert.equal(count, 3);
});
