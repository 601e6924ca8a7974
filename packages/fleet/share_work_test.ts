import assert from "node:assert/strict";
import { delay } from "@decorum/async";
import { away, fakeFleet } from "./testing/fake_fleet.ts";
import { shareInOrder, shareWork, type Work } from "./share_work.ts";
import type { FakeClient } from "./testing/fake_fleet.ts";
import { StoppedError } from "./waiting.ts";

type Squares = Work<FakeClient, number, number>;

const items = Array.from({ length: 20 }, (_, i) => i);
const squares = items.map((i) => i * i);

/** Ends when the signal is aborted, as a call does. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(away("cancelled")))
  );
}

Deno.test("results are in the order of the items, whoever did them; each is reported once", async () => {
  const { fleet, waiting, said } = fakeFleet("a:1", "b:1", "c:1");
  const by = new Map<string, number>();
  const reported: number[] = [];
  const work: Squares = async ({ address }, item) => {
    by.set(address, (by.get(address) ?? 0) + 1);
    await delay((7 * item) % 3);
    return item * item;
  };
  const onDone = (index: number) => void reported.push(index);
  assert.deepEqual(await shareWork(fleet, items, work, waiting, { onDone }), squares);
  assert.equal(by.size, 3);
  assert.deepEqual(reported.sort((a, b) => a - b), items);
  assert.deepEqual(said, []);
  assert.deepEqual(await shareWork(fleet, [], work, waiting), []);
});

Deno.test("one that joins gets work; the item of one that leaves goes elsewhere at once", async () => {
  const { fleet, present, waiting } = fakeFleet("a:1");
  let ended = false;
  const work: Squares = async ({ address }, item, signal) => {
    if (address === "a:1") {
      present.splice(0, 1, "b:1");
      await hang(signal).finally(() => ended = true);
    }
    await Promise.resolve();
    return item * item;
  };
  assert.deepEqual(await shareWork(fleet, items, work, waiting), squares);
  assert.ok(ended, "the call of the one that has left is cancelled at the end");
});

Deno.test("one that leaves may still finish its item: the first result counts", async () => {
  const { fleet, present, waiting } = fakeFleet("a:1");
  const slow = Promise.withResolvers<void>();
  const reported: number[] = [];
  const work: Squares = async ({ address }, item) => {
    if (address === "a:1") {
      present.splice(0, 1, "b:1");
      await slow.promise;
    } else if (item === 0) {
      slow.resolve();
      await delay(5);
    }
    return item * item;
  };
  const onDone = (index: number) => void reported.push(index);
  assert.deepEqual(await shareWork(fleet, items, work, waiting, { onDone }), squares);
  assert.equal(reported.length, items.length);
});

Deno.test("one that fails gives its item back and is tried again later", async () => {
  const { fleet, waiting, said } = fakeFleet("a:1", "b:1");
  const back = Promise.withResolvers<void>();
  let failures = 0;
  const work: Squares = async ({ address }, item) => {
    if (address === "a:1") {
      if (failures++ < 3) throw away();
      back.resolve();
    }
    await back.promise;
    return item * item;
  };
  assert.deepEqual(await shareWork(fleet, items, work, waiting), squares);
  assert.match(said[0]!, /^waiting for policy a:1/);
  assert.match(said[1]!, /^policy a:1 is back/);
});

Deno.test("one that hangs fails by its deadline, and its item goes elsewhere", async () => {
  const { fleet, waiting, said } = fakeFleet("a:1", "b:1");
  const tries: number[] = [];
  const work: Squares = async ({ address }, item, signal) => {
    if (address === "a:1") {
      tries.push(item);
      await hang(signal);
    }
    return item * item;
  };
  const found = await shareWork(fleet, items, work, waiting, { deadlineMs: 5 });
  assert.deepEqual(found, squares);
  assert.ok(tries.length > 0);
  assert.match(said[0]!, /^waiting for policy a:1: policy a:1 did not finish item \d+ for 0.005 s/);
});

Deno.test("one that does not fit gets no more; with none that fits the work fails", async () => {
  const { fleet, waiting, said } = fakeFleet("a:1", "b:1");
  let asked = 0;
  const work: Squares = async (member, item) => {
    await delay(1);
    if (member.address === "b:1") return item * item;
    asked++;
    throw fleet.leaveOut(member, new Error("too small"));
  };
  assert.deepEqual(await shareWork(fleet, items, work, waiting), squares);
  assert.equal(asked, 1);
  assert.deepEqual(said, ["policy a:1 is left out: too small"]);
  const none: Squares = (member) => Promise.reject(fleet.leaveOut(member, new Error("also")));
  await assert.rejects(shareWork(fleet, items, none, waiting), /No policy fits: too small; also/);
});

Deno.test("a failure for good cancels the other calls", async () => {
  const { fleet, waiting } = fakeFleet("a:1", "b:1");
  const fault = new Error("wrong answer");
  let cancelled = false;
  const work: Squares = async ({ address }, _, signal) => {
    if (address === "b:1") throw await delay(2).then(() => fault);
    return await hang(signal).finally(() => cancelled = true);
  };
  await assert.rejects(shareWork(fleet, items, work, waiting), fault);
  assert.ok(cancelled);
});

Deno.test("a stop ends a wait for members that are away, a cancel ends calls too", async () => {
  const one = fakeFleet("a:1");
  const failing: Squares = () => {
    one.stop.abort();
    return Promise.reject(away());
  };
  await assert.rejects(shareWork(one.fleet, items, failing, one.waiting), StoppedError);
  const two = fakeFleet("a:1");
  const hanging: Squares = (_, __, signal) => {
    const call = hang(signal);
    two.cancel.abort();
    return call;
  };
  await assert.rejects(shareWork(two.fleet, items, hanging, two.waiting), StoppedError);
});

Deno.test("with nobody behind the names it waits until one joins, or patience is over", async () => {
  const { fleet, present, waiting, said } = fakeFleet();
  const work: Squares = (_, item) => Promise.resolve(item * item);
  const all = shareWork(fleet, items, work, {
    ...waiting,
    say(message) {
      said.push(message);
      present.push("a:1");
    },
  });
  assert.deepEqual(await all, squares);
  assert.match(said[0]!, /^waiting for policy all:1: .*no address stands behind/);
  const failing: Squares = () => Promise.reject(away());
  await assert.rejects(
    shareWork(fleet, items, failing, { ...waiting, patienceMs: 5 }),
    /policy a:1 did not answer for/,
  );
});

Deno.test("results come in order while others are made, no more than `ahead` of them for each member", async () => {
  const { fleet, waiting } = fakeFleet("a:1", "b:1", "c:1");
  let begun = 0;
  const work: Squares = async (_, item) => {
    begun = Math.max(begun, item + 1);
    await delay((7 * item) % 3);
    return item * item;
  };
  const found: number[] = [];
  for await (const result of shareInOrder(fleet, items, work, waiting, { ahead: 1 })) {
    assert.ok(begun <= found.length + 1 + 3, `${begun} begun, ${found.length} collected`);
    found.push(result);
    await delay(1);
  }
  assert.deepEqual(found, squares);
});

Deno.test("a member has as many items at once as it may", async () => {
  const { fleet, waiting } = fakeFleet("a:1");
  let [under, most] = [0, 0];
  const work: Squares = async (_, item) => {
    most = Math.max(most, ++under);
    await delay(2);
    under--;
    return item * item;
  };
  assert.deepEqual(await shareWork(fleet, items, work, waiting, { atOnce: 2 }), squares);
  assert.equal(most, 2);
});

Deno.test("who leaves the results early cancels what is under way", async () => {
  const { fleet, waiting } = fakeFleet("a:1", "b:1");
  let cancelled = 0;
  const work: Squares = (_, item, signal) =>
    item === 0 ? Promise.resolve(0) : hang(signal).finally(() => cancelled++);
  for await (const result of shareInOrder(fleet, items, work, waiting)) {
    assert.equal(result, 0);
    break;
  }
  assert.equal(cancelled, 2);
});
