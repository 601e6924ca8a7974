import assert from "node:assert/strict";
import { Channel } from "./channel.ts";

Deno.test("a consumer gets all values that wait, then the end", async () => {
  const channel = new Channel<number>();
  channel.send(1);
  channel.send(2);
  const values = channel[Symbol.asyncIterator]();
  assert.deepEqual(await values.next(), { done: false, value: [1, 2] });
  const next = values.next();
  channel.send(3);
  assert.deepEqual(await next, { done: false, value: [3] });
  channel.end();
  channel.send(4);
  assert.deepEqual(await values.next(), { done: true, value: undefined });
  assert.ok(channel.ended);
});

Deno.test("an error comes after the values before it; the first end counts", async () => {
  const channel = new Channel<number>();
  channel.send(1);
  channel.fail(new Error("lost"));
  channel.end();
  const values = channel[Symbol.asyncIterator]();
  assert.deepEqual((await values.next()).value, [1]);
  await assert.rejects(values.next(), /^Error: lost$/);
});
