import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryUse, readProfile, summarizeProfile } from "./mod.ts";

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

Deno.test("a file that is no trace is a TypeError with its path", () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-profile-"));
  const path = join(folder, "p.json");
  writeFileSync(path, "[{");
  assert.throws(() => readProfile(path), /p\.json": it is not JSON/);
  writeFileSync(path, "{}");
  assert.throws(() => readProfile(path), /expected an array of trace events/);
  rmSync(folder, { recursive: true });
});

Deno.test("memory in use is in bytes, and the peak is no less", () => {
  const { rss, peakRss, anonymous } = memoryUse();
  assert.ok(rss > 10e6 && peakRss >= rss && anonymous <= rss, `${rss} ${peakRss} ${anonymous}`);
});
