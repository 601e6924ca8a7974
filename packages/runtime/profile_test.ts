import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSession, memoryUse, readProfile } from "./mod.ts";
import { summarizeProfile } from "./profile.ts";
import { model, slowFeeds, threads } from "./testing/models.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

const kernel = (op_name: string, ts: number, dur: number, provider = "CPUExecutionProvider") => ({
  cat: "Node",
  name: `node_${op_name}_kernel_time`,
  pid: 1,
  tid: 1,
  ts,
  dur,
  args: { op_name, provider },
});

Deno.test("nodes of a loop body are taken out of the loop's own time", () => {
  const summary = summarizeProfile([
    { cat: "Session", name: "model_run", pid: 1, tid: 1, ts: 0, dur: 12_000 },
    kernel("Loop", 1_000, 10_000),
    kernel("MatMul", 2_000, 3_000),
    kernel("Loop", 5_500, 4_000),
    kernel("MatMul", 6_000, 3_000),
    { ...kernel("Add", 2_500, 500, "CUDAExecutionProvider"), tid: 2 },
    { cat: "Node", name: "node_fence_before", pid: 1, tid: 1, ts: 0, dur: 5, args: {} },
  ]);
  assert.equal(summary.wallMs, 12);
  assert.equal(summary.kernelMs, 10.5);
  assert.deepEqual(summary.ops.map(({ op, calls, ms }) => ({ op, calls, ms })), [
    { op: "MatMul", calls: 2, ms: 6 },
    { op: "Loop", calls: 2, ms: 4 },
    { op: "Add", calls: 1, ms: 0.5 },
  ]);
  assert.deepEqual(summary.callsByProvider, { CPUExecutionProvider: 4, CUDAExecutionProvider: 1 });
});

Deno.test("a file that is no trace is a InputError with its path", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "p.json");
  writeFileSync(path, "[{");
  assert.throws(() => readProfile(path), /p\.json": it is not JSON/);
  writeFileSync(path, "{}");
  assert.throws(() => readProfile(path), /expected an array of trace events/);
});

Deno.test("memory in use is in bytes, and the peak is no less", () => {
  const { rss, peakRss, anonymous } = memoryUse();
  assert.ok(rss > 10e6 && peakRss >= rss && anonymous <= rss, `${rss} ${peakRss} ${anonymous}`);
});

Deno.test("a profile tells the time of each operator, loop bodies counted once", async () => {
  using folder = new TemporaryFolder();
  const profilePrefix = join(folder.path, "trace");
  await using session = await createSession(model("slow"), { ...threads, profilePrefix });
  await session.run(slowFeeds(20));
  await session.run(slowFeeds(20));
  const path = await session.endProfiling();
  assert.ok(path.startsWith(`${profilePrefix}_`));
  const profile = readProfile(path);
  assert.equal(profile.runs, 2);
  assert.equal(profile.ops.find((o) => o.op === "MatMul")?.calls, 40);
  assert.equal(profile.ops[0]?.op, "MatMul");
  assert.ok(profile.kernelMs <= profile.wallMs, `${profile.kernelMs} in ${profile.wallMs}`);
  const shares = profile.ops.reduce((sum, o) => sum + o.share, 0);
  assert.ok(Math.abs(shares - 1) < 1e-9);
  assert.deepEqual(Object.keys(profile.callsByProvider), ["CPUExecutionProvider"]);
  await using plain = await createSession(model("slow"), threads);
  await assert.rejects(plain.endProfiling(), /created without profilePrefix/);
});
