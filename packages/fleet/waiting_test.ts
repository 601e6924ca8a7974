import assert from "node:assert/strict";
import { DeadlineError } from "@decorum/async";
import { RpcError, StatusError } from "@decorum/rpc";
import { away } from "./testing/fake_fleet.ts";
import { isTransient, Outage, persist, StoppedError, type Waiting } from "./waiting.ts";

function waitingFor(fields: Partial<Waiting> = {}) {
  const said: string[] = [];
  const stop = new AbortController();
  const waiting: Waiting = {
    stop: stop.signal,
    cancel: new AbortController().signal,
    say: (message) => void said.push(message),
    backoff: { firstMs: 1, longestMs: 4 },
    ...fields,
  };
  return { waiting, said, stop };
}

Deno.test("failures that may pass are those of a service that is away, or has too much to do", () => {
  const failure = (code: RpcError["code"], pushbackMs?: number) =>
    isTransient(new RpcError({ code, details: "", pushbackMs }, { method: "m", address: "a" }));
  for (const code of ["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"] as const) {
    assert.ok(failure(code), code);
  }
  for (const code of ["NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"] as const) {
    assert.ok(!failure(code), code);
  }
  // With a negative pushback a server says that the same request fails again.
  for (const code of ["RESOURCE_EXHAUSTED", "INTERNAL"] as const) {
    assert.deepEqual([undefined, 5, -1].map((ms) => failure(code, ms)), [true, true, false], code);
  }
  assert.ok(isTransient(new DeadlineError("too slow")));
  assert.ok(!isTransient(new Error("a fault")));
});

Deno.test("people hear of the first failure and of the end, not of each failure", async () => {
  const failed: string[] = [];
  const { waiting, said } = waitingFor({ failed: (peer) => void failed.push(peer) });
  let tries = 0;
  const call = () => ++tries < 4 ? Promise.reject(away(`try ${tries}`)) : Promise.resolve("done");
  assert.equal(await persist("reward", "r:1", waiting, call), "done");
  assert.deepEqual(failed, Array(3).fill("reward"));
  assert.equal(said.length, 2);
  assert.match(said[0]!, /^waiting for reward r:1: .*UNAVAILABLE: try 1/);
  assert.match(said[1]!, /^reward r:1 is back after 0\.\d s$/);
});

Deno.test("a wait ends when it is stopped, when patience is over, and for a failure that cannot pass", async () => {
  const { waiting, stop } = waitingFor({ backoff: { firstMs: 1e9, longestMs: 1e9 } });
  const stopped = assert.rejects(
    persist("reward", "it", waiting, () => Promise.reject(away())),
    StoppedError,
  );
  await Promise.resolve();
  stop.abort();
  await stopped;
  await assert.rejects(
    persist(
      "reward",
      "it",
      waitingFor({ patienceMs: 5 }).waiting,
      () => Promise.reject(away("busy")),
    ),
    (error) =>
      error instanceof StatusError && error.code === "UNAVAILABLE" &&
      /^reward it did not answer for 0\.\d s: .*busy/.test(error.message),
  );
  const fault = new Error("a fault");
  await assert.rejects(persist("reward", "it", waiting, () => Promise.reject(fault)), fault);
});

Deno.test("a service that nobody waits for is not mentioned again until it is back", () => {
  const { waiting, said } = waitingFor();
  const outage = new Outage("policy", "p:1");
  outage.failed(away(), waiting);
  outage.leave(away("cut"), waiting);
  outage.leave(away("cut"), waiting);
  outage.failed(away(), waiting);
  outage.ended(waiting);
  outage.ended(waiting);
  assert.deepEqual(said.map((message) => message.split(" ").slice(0, 2).join(" ")), [
    "waiting for",
    "continuing without",
    "policy p:1",
  ]);
});
