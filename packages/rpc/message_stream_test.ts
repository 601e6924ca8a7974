import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { receive, send, untilAborted } from "./message_stream.ts";

Deno.test("send waits until a full sink has room", async () => {
  const waiting: (() => void)[] = [];
  const sink = new Writable({
    objectMode: true,
    highWaterMark: 2,
    write: (_message, _encoding, done) => void waiting.push(done),
  });
  const { signal } = new AbortController();
  await send(sink, 1, signal);
  let through = false;
  const second = send(sink, 2, signal).then(() => through = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(through, false);
  waiting.shift()?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  waiting.shift()?.();
  await second;
});

Deno.test("send gives up with the reason when the call ends while it waits", async () => {
  const sink = new Writable({ objectMode: true, highWaterMark: 1, write: () => {} });
  const controller = new AbortController();
  const waiting = send(sink, 1, controller.signal);
  controller.abort(new Error("over"));
  await assert.rejects(waiting, /^Error: over$/);
  await assert.rejects(send(sink, 2, controller.signal), /^Error: over$/);
});

Deno.test("receive pulls no more than it is asked for, and tells a failure after the messages", async () => {
  let made = 0;
  const source = new Readable({
    objectMode: true,
    highWaterMark: 4,
    read() {
      this.push(made++);
    },
  });
  const ended = new AbortController();
  const messages = receive<number>(source, ended.signal, () => undefined);
  assert.equal((await messages.next()).value, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(made <= 8, `${made} messages were made for a reader that took one`);

  const stopped = new Readable({ objectMode: true, read: () => {} });
  stopped.push("a");
  const failure = new Error("broken");
  const rest = receive<string>(stopped, ended.signal, () => failure);
  assert.equal((await rest.next()).value, "a");
  await assert.rejects(rest.next(), /^Error: broken$/);
});

Deno.test("untilAborted takes whichever comes first", async () => {
  const controller = new AbortController();
  assert.equal(await untilAborted(Promise.resolve(1), controller.signal), 1);
  const never = untilAborted(new Promise(() => {}), controller.signal);
  controller.abort(new Error("late"));
  await assert.rejects(never, /^Error: late$/);
});
