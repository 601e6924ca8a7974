import assert from "node:assert/strict";
import { RpcError } from "@decorum/rpc";
import { Fleet, UnfitError } from "./fleet.ts";
import { away, fakeFleet } from "./testing/fake_fleet.ts";

const names = (members: readonly { readonly address: string }[]) =>
  members.map(({ address }) => address);

Deno.test("members join and leave with their names; a client is closed after its last call", async () => {
  const { fleet, present, clients } = fakeFleet("a:1", "b:1");
  const [a] = await fleet.resolve();
  const call = Promise.withResolvers<void>();
  const used = fleet.use(a!, () => call.promise);
  present.splice(0, 2, "b:1", "c:1");
  assert.deepEqual(names(await fleet.resolve()), ["b:1", "c:1"]);
  assert.ok(!fleet.has(a!));
  assert.ok(!clients[0]!.closed, "a call is under way");
  call.resolve();
  await used;
  assert.ok(clients[0]!.closed);
  present.push("a:1");
  const [, , again] = await fleet.resolve();
  assert.notEqual(again, a, "a process that comes back is a new member");
  fleet[Symbol.dispose]();
  assert.ok(clients.every(({ closed }) => closed));
});

Deno.test("a name that cannot be resolved keeps its members, or is unavailable while it has none", async () => {
  let known = false;
  const fleet = new Fleet({
    peer: "policy",
    addresses: ["all:1"],
    connect: () => ({ close: () => {} }),
    lookup: () => known ? Promise.resolve(["a:1"]) : Promise.reject(new Error("no such name")),
  });
  await assert.rejects(
    fleet.resolve(),
    (error) => error instanceof RpcError && error.code === "UNAVAILABLE",
  );
  known = true;
  const [a] = await fleet.resolve();
  known = false;
  assert.deepEqual(await fleet.resolve(), [a]);
});

Deno.test("a member that does not fit is left out; when none fits, the error has the last one's cause", async () => {
  const { fleet } = fakeFleet("a:1", "b:1");
  const [a, b] = await fleet.resolve();
  assert.match(
    fleet.leaveOut(a!, new Error("too small")).message,
    /^policy a:1 is left out: too small/,
  );
  assert.deepEqual(await fleet.resolve(), [b]);
  const cause = new Error("another model");
  fleet.leaveOut(b!, cause);
  await assert.rejects(fleet.resolve(), (error) => {
    assert.ok(error instanceof UnfitError);
    assert.equal(error.message, "No policy fits: too small; another model");
    assert.equal(error.cause, cause);
    return true;
  });
});

Deno.test("all are reached, but nobody waits for the rest once one has succeeded", async () => {
  const { fleet, said, waiting } = fakeFleet("a:1", "b:1", "c:1");
  const tries = new Map<string, number>();
  await fleet.reachAll(
    { ...waiting, backoff: { firstMs: 1e9, longestMs: 1e9 } },
    async (member) => {
      tries.set(member.address, (tries.get(member.address) ?? 0) + 1);
      if (member.address === "b:1") throw away("cut");
      if (member.address === "c:1") throw fleet.leaveOut(member, new Error("too small"));
      await Promise.resolve();
    },
  );
  assert.deepEqual([...tries], [["a:1", 1], ["b:1", 1], ["c:1", 1]]);
  assert.match(said.join("\n"), /continuing without policy b:1: .*cut/);
  assert.match(said.join("\n"), /policy c:1 is left out: too small/);
});

Deno.test("with all away, they are tried until one is back; a member that has left is not waited for", async () => {
  const { fleet, present, said, waiting } = fakeFleet("a:1", "b:1");
  let tries = 0;
  await fleet.reachAll(waiting, async ({ address }) => {
    if (++tries === 6) present.splice(0, 2, "b:1");
    if (address === "a:1" || tries < 9) throw away();
    await Promise.resolve();
  });
  assert.match(said.at(-1)!, /policy b:1 is back/);
  const fault = new Error("a fault");
  await assert.rejects(fleet.reachAll(waiting, () => Promise.reject(fault)), fault);
});
