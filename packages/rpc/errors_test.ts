import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import * as rpc from "./mod.ts";
import { RpcError, StatusError, toStatus } from "./mod.ts";

function engineError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("the engine did not throw");
}

Deno.test("domain errors keep their message; faults of the program are hidden", () => {
  const cases: [unknown, string, RegExp][] = [
    [new InputError('Cannot read tensor "a": rank 2'), "INVALID_ARGUMENT", /rank 2/],
    [new InputError("temperature -1"), "INVALID_ARGUMENT", /temperature/],
    [rpc.notFound("no run r1"), "NOT_FOUND", /no run r1/],
    [rpc.failedPrecondition("another base"), "FAILED_PRECONDITION", /another base/],
    [rpc.aborted("version 3, expected 2"), "ABORTED", /version 3/],
    [rpc.dataLoss("crc"), "DATA_LOSS", /crc/],
    [rpc.alreadyExists("r1"), "ALREADY_EXISTS", /r1/],
    [rpc.unavailable("loading"), "UNAVAILABLE", /loading/],
    [new DOMException("stop", "AbortError"), "CANCELLED", /cancelled/],
    [new Error("secret /path"), "INTERNAL", /^internal error: the server's log has its cause$/],
    [new Error("internal: shape lost"), "INTERNAL", /^internal error/],
    [new StatusError("INTERNAL", "secret"), "INTERNAL", /^internal error/],
    ["text", "INTERNAL", /^internal error/],
    [undefined, "INTERNAL", /^internal error/],
  ];
  for (const [error, name, details] of cases) {
    const status = toStatus(error);
    assert.equal(status.name, name, String(error));
    assert.match(status.details, details);
    assert.equal(status.internal, name === "INTERNAL");
  }
});

Deno.test("errors that the JavaScript engine throws are internal, whatever their class", () => {
  const nothing = JSON.parse("null");
  const faults = [
    () => nothing.a,
    () => nothing.a = 1,
    () => nothing(),
    () => new nothing.X(),
    () => {
      const [a] = nothing;
      return a;
    },
    () => {
      const { a } = nothing;
      return a;
    },
    () => [...JSON.parse("1")],
    () => new Array(-1),
    () => new Float32Array(-1),
    () => "x".repeat(2 ** 31),
    () => BigInt(1) + nothing,
    () => new DataView(new ArrayBuffer(1)).getFloat64(0),
    () => new Uint8Array(1).set([1, 2]),
    () => new Array<number>().reduce((a) => a),
    () => JSON.parse('{"a":1').b,
    function deep(): unknown {
      return [deep()];
    },
  ];
  for (const fault of faults) {
    const error = engineError(fault);
    assert.equal(toStatus(error).name, "INTERNAL", `${fault}: ${error}`);
  }
});

Deno.test("a limit says when to come back, or that coming back is useless", () => {
  const pushback = (error: unknown) => toStatus(error).metadata.get("grpc-retry-pushback-ms");
  assert.deepEqual(pushback(rpc.resourceExhausted("queue full", 250)), ["250"]);
  assert.deepEqual(pushback(rpc.resourceExhausted("text too long")), ["-1"]);
  assert.deepEqual(pushback(rpc.unavailable("loading")), []);
  assert.deepEqual(pushback(rpc.notFound("x")), []);
});

Deno.test("errors of a service behind this one pass on where they concern the caller", () => {
  const call = { method: "a.B/C", address: "h:1" };
  const down = new RpcError({ code: "UNAVAILABLE", details: "refused" }, call);
  assert.equal(toStatus(down).name, "UNAVAILABLE");
  assert.match(toStatus(down).details, /Cannot call a\.B\/C at h:1: UNAVAILABLE: refused/);
  const denied = new RpcError({ code: "PERMISSION_DENIED", details: "trainer only" }, call);
  assert.equal(toStatus(denied).name, "INTERNAL");
});
