import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { TemporaryFolder } from "@decorum/testing/folder";
import { float32, writeSafetensors } from "@decorum/tensor";
import {
  type CheckpointContents,
  checkpointSteps,
  newestCheckpoint,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import { stateToTensors } from "./learner_state.ts";
import { initTrainState } from "./optimizer.ts";

const layers = new Map([["layer.q", [2, 3] as const]]);
const lora = { r: 1, loraAlpha: 2, loraDropout: 0, targetModules: ["q"] };
const model = { lora, base: "model" };

function contents(step: number): CheckpointContents {
  const params = new Map([
    ["base_model.model.layer.q.lora_A.weight", float32([1, 3], [1e-30, step, 3])],
    ["base_model.model.layer.q.lora_B.weight", float32([2, 1], [0.1, -0])],
    ["v_head.summary.weight", float32([1, 2], [5, 6])],
    ["v_head.summary.bias", float32([1], [7])],
  ]);
  const train = { ...initTrainState(params), updates: 3 * step, skipped: 1 };
  return { train, info: { moments: { mean: 1 / 3 }, name: "r" }, others: {} };
}

Deno.test("a checkpoint gives back what was put into it, bit for bit", () => {
  using folder = new TemporaryFolder();
  const put = contents(4);
  const written = writeCheckpoint(folder.path, 4, put, model);
  assert.deepEqual(readCheckpoint(written.path, put.train.params, layers), put);
  const others = { generator: contents(3).train.params };
  const stale = writeCheckpoint(join(folder.path, "stale"), 4, { ...put, others }, model);
  assert.deepEqual(readCheckpoint(stale.path, put.train.params, layers).others, others);
  assert.equal(written.path, join(folder.path, "step-000004"));
  assert.ok(written.bytes > 500);
  // The same step again replaces it.
  assert.equal(writeCheckpoint(folder.path, 4, put, model).bytes, written.bytes);
  assert.deepEqual(readdirSync(folder.path).sort(), ["stale", "step-000004"]);
});

Deno.test("all weights, where there is no adapter", () => {
  using folder = new TemporaryFolder();
  const train = initTrainState(new Map([["shared.weight", float32([2], [1, 2])]]));
  const put = { train, info: {}, others: { start: train.params } };
  const { path } = writeCheckpoint(folder.path, 1, put, { lora: undefined, base: "model" });
  assert.deepEqual(readCheckpoint(path, train.params, new Map()), put);
});

Deno.test("the one file that older versions wrote is read, and goes once there is a newer one", () => {
  using folder = new TemporaryFolder();
  const { train } = contents(2);
  const old = join(folder.path, "state.safetensors");
  const settings = { "--seed": 1 };
  const metadata = { settings: JSON.stringify(settings) };
  writeSafetensors(old, stateToTensors({ train, reference: undefined }), metadata);
  assert.equal(newestCheckpoint(folder.path), old);
  const found = readCheckpoint(old, train.params, layers);
  assert.deepEqual(found, { train, info: { settings }, others: {} });
  pruneCheckpoints(folder.path, 1);
  assert.ok(existsSync(old));
  const { path } = writeCheckpoint(folder.path, 7, contents(3), model);
  assert.equal(newestCheckpoint(folder.path), path);
  pruneCheckpoints(folder.path, 1);
  assert.ok(!existsSync(old));
});

Deno.test("the newest are kept; leftovers do not count and are removed", () => {
  using folder = new TemporaryFolder();
  for (const step of [1, 2, 1_000_000]) writeCheckpoint(folder.path, step, contents(step), model);
  mkdirSync(join(folder.path, ".step-000003.abc.tmp"));
  mkdirSync(join(folder.path, "step-000009"));
  assert.deepEqual(checkpointSteps(folder.path), [1, 2, 1_000_000]);
  pruneCheckpoints(folder.path, 2);
  assert.deepEqual(checkpointSteps(folder.path), [2, 1_000_000]);
  assert.ok(!readdirSync(folder.path).some((name) => name.startsWith(".")));
  assert.deepEqual(checkpointSteps(join(folder.path, "nowhere")), []);
  assert.equal(newestCheckpoint(join(folder.path, "nowhere")), undefined);
});

Deno.test("a checkpoint that is damaged, newer or of another model is refused", () => {
  using folder = new TemporaryFolder();
  const put = contents(1);
  const { path } = writeCheckpoint(folder.path, 1, put, model);
  const read = () => readCheckpoint(path, put.train.params, layers);
  const more = new Map([...put.train.params, ["x", float32([1], [1])]]);
  assert.throws(() => readCheckpoint(path, more, layers), /parameter "x" is missing/);
  const optimizer = join(path, "optimizer.safetensors");
  const bytes = readFileSync(optimizer);
  writeFileSync(optimizer, bytes.subarray(0, -4));
  assert.throws(read, /optimizer.safetensors/);
  writeFileSync(optimizer, bytes);
  writeFileSync(join(path, "state.json"), '{"format": 2}');
  assert.throws(read, /format 2, this version reads 1/);
  writeFileSync(join(path, "state.json"), '{"format"');
  assert.throws(read, /Cannot resume from .*state.json/);
});

Deno.test("a file that cannot grow: the error says so, and the last checkpoint is whole", () => {
  using folder = new TemporaryFolder();
  const { path } = writeCheckpoint(folder.path, 1, contents(1), model);
  const child = fileURLToPath(new URL("./testing/checkpoint_child.ts", import.meta.url));
  // At most 4 KiB a file, and no signal for going beyond it.
  const limited = 'trap "" XFSZ; ulimit -f 4; exec "$PROGRAM" run -A --no-check "$CHILD" "$FOLDER"';
  const { stderr } = spawnSync("bash", ["-c", limited], {
    encoding: "utf8",
    env: { ...process.env, PROGRAM: process.execPath, CHILD: child, FOLDER: folder.path },
  });
  assert.match(stderr, /Cannot write checkpoint .*step-000002: .*file too large/i);
  assert.match(stderr, /last good one is step-000001, and it is whole/);
  assert.deepEqual(readdirSync(folder.path), ["step-000001"]);
  readCheckpoint(path, contents(1).train.params, layers);
});
