import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { StatusError } from "@decorum/rpc";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { LiveModel } from "./live_model.ts";

function open() {
  const freed: string[] = [];
  const model = (version: string) => ({
    version,
    [Symbol.asyncDispose]() {
      freed.push(version);
      return Promise.resolve();
    },
  });
  const folder = { now: "one" as string | Error };
  const live = new LiveModel({
    noun: "model",
    async load() {
      await sleep(1);
      if (folder.now instanceof Error) throw folder.now;
      return model(folder.now);
    },
    logger: createLogger({ service: "test", write: () => {} }),
    metrics: createMetrics({ service: "test", version: "0" }),
  });
  return { live, folder, freed };
}

Deno.test("requests that come before the first model wait for it, or are told why there is none", async () => {
  const { live, folder, freed } = open();
  assert.equal(live.now, undefined);
  const early = live.current();
  await live.start();
  assert.equal((await early).version, "one");
  await live.stop();
  assert.deepEqual(freed, ["one"]);
  folder.now = new Error("no such folder");
  const broken = open();
  broken.folder.now = folder.now;
  const refused = assert.rejects(broken.live.borrow(), /no such folder/);
  await assert.rejects(broken.live.start(), /no such folder/);
  await refused;
  await broken.live.stop();
});

Deno.test("a new model takes over at once; the old one is freed after its last user", async () => {
  const { live, folder, freed } = open();
  await live.start();
  const loan = await live.borrow();
  const batch = live.retain(loan.model);
  folder.now = "two";
  const [first, second] = await Promise.all([live.reload(), live.reload()]);
  assert.deepEqual(first, { version: "two", changed: true });
  assert.equal(first, second, "a reload that runs is shared");
  assert.equal((await live.current()).version, "two");
  loan[Symbol.dispose]();
  await sleep(1);
  assert.deepEqual(freed, [], "a batch of it still runs");
  const stopped = live.stop();
  batch[Symbol.dispose]();
  await stopped;
  assert.deepEqual(freed, ["one", "two"]);
});

Deno.test("the same model again is freed, the one in service stays", async () => {
  const { live, freed } = open();
  await live.start();
  const { now } = live;
  assert.deepEqual(await live.reload(), { version: "one", changed: false });
  assert.equal(live.now, now);
  await sleep(1);
  assert.deepEqual(freed, ["one"]);
  await live.stop();
  assert.deepEqual(freed, ["one", "one"]);
});

Deno.test("a model that cannot be loaded changes nothing", async () => {
  const { live, folder } = open();
  await live.start();
  folder.now = new Error("config.json is missing");
  await assert.rejects(live.reload(), (error) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, "FAILED_PRECONDITION");
    assert.match(
      error.message,
      /Cannot load the model again: config.json is missing. one stays in/,
    );
    return true;
  });
  assert.equal((await live.current()).version, "one");
  folder.now = "two";
  assert.equal((await live.reload()).changed, true);
  await live.stop();
});
