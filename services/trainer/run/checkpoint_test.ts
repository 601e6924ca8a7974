import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { initTrainState } from "@decorum/learning";
import { float32 } from "@decorum/tensor";
import { emptyMoments } from "@decorum/algorithms";
import {
  type CheckpointContents,
  checkpointSteps,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { ended, fixture } from "../testing/fixture.ts";

const layers = new Map([["layer.q", [2, 3] as const]]);
const lora = { r: 1, loraAlpha: 2, loraDropout: 0, targetModules: ["q"] };
const expected = { runId: "r", configHash: "hash", layers };

function contents(step: number): CheckpointContents {
  const params = new Map([
    ["base_model.model.layer.q.lora_A.weight", float32([1, 3], [1e-30, step, 3])],
    ["base_model.model.layer.q.lora_B.weight", float32([2, 1], [0.1, -0])],
    ["v_head.summary.weight", float32([1, 2], [5, 6])],
    ["v_head.summary.bias", float32([1], [7])],
  ]);
  const train = { ...initTrainState(params), updates: 3 * step, skipped: 1 };
  return {
    runId: "r",
    configHash: "hash",
    progress: {
      step,
      klController: { kind: "adaptive", value: 0.1 + 0.2, target: 6, horizon: 10_000 },
      moments: { ...emptyMoments, mean: 1 / 3, count: 5 },
      rewardVersion: "v1",
    },
    learner: { train, reference: undefined },
    lora,
    base: "model",
  };
}

Deno.test("a checkpoint gives back what was put into it, bit for bit", () => {
  using folder = new TemporaryFolder();
  const put = contents(4);
  const written = writeCheckpoint(folder.path, put);
  const found = readCheckpoint(written.path, expected, put.learner);
  assert.deepEqual(found, { progress: put.progress, learner: put.learner });
  const generator = contents(3).learner.train.params;
  const stale = writeCheckpoint(join(folder.path, "stale"), { ...put, generator });
  assert.deepEqual(readCheckpoint(stale.path, expected, put.learner).generator, generator);
  assert.equal(written.path, join(folder.path, "step-000004"));
  assert.ok(written.bytes > 500);
  // The same step again replaces it.
  assert.equal(writeCheckpoint(folder.path, put).bytes, written.bytes);
  assert.deepEqual(readdirSync(folder.path).sort(), ["stale", "step-000004"]);
});

Deno.test("the newest are kept; leftovers do not count and are removed", () => {
  using folder = new TemporaryFolder();
  for (const step of [1, 2, 1_000_000]) writeCheckpoint(folder.path, contents(step));
  mkdirSync(join(folder.path, ".step-000003.abc.tmp"));
  mkdirSync(join(folder.path, "step-000009"));
  assert.deepEqual(checkpointSteps(folder.path), [1, 2, 1_000_000]);
  pruneCheckpoints(folder.path, 2);
  assert.deepEqual(checkpointSteps(folder.path), [2, 1_000_000]);
  assert.ok(!readdirSync(folder.path).some((name) => name.startsWith(".")));
  assert.deepEqual(checkpointSteps(join(folder.path, "nowhere")), []);
});

Deno.test("a checkpoint that is damaged or of another run is refused", () => {
  using folder = new TemporaryFolder();
  const put = contents(1);
  const { path } = writeCheckpoint(folder.path, put);
  const read = (change: Partial<typeof expected>) => () =>
    readCheckpoint(path, { ...expected, ...change }, put.learner);
  assert.throws(read({ runId: "other" }), /state.json: run_id is r, the run has other/);
  assert.throws(read({ configHash: "other" }), /config_hash is hash, the run has other/);
  const optimizer = join(path, "optimizer.safetensors");
  const bytes = readFileSync(optimizer);
  writeFileSync(optimizer, bytes.subarray(0, -4));
  assert.throws(read({}), /optimizer.safetensors/);
  writeFileSync(optimizer, bytes);
  writeFileSync(join(path, "state.json"), '{"format": 1}');
  assert.throws(read({}), /Cannot resume from .*state.json[^]*run_id/);
});

Deno.test("a file that cannot grow: the error says so, and the last checkpoint is whole", () => {
  using folder = new TemporaryFolder();
  const { path } = writeCheckpoint(folder.path, contents(1));
  const child = fileURLToPath(new URL("../testing/checkpoint_child.ts", import.meta.url));
  // At most 4 KiB a file, and no signal for going beyond it.
  const limited = 'trap "" XFSZ; ulimit -f 4; exec "$PROGRAM" run -A --no-check "$CHILD" "$FOLDER"';
  const { stderr } = spawnSync("bash", ["-c", limited], {
    encoding: "utf8",
    env: { ...process.env, PROGRAM: process.execPath, CHILD: child, FOLDER: folder.path },
  });
  assert.match(stderr, /Cannot write checkpoint .*step-000002: .*file too large/i);
  assert.match(stderr, /last good one is step-000001, and it is whole/);
  assert.deepEqual(readdirSync(folder.path), ["step-000001"]);
  readCheckpoint(path, expected, contents(1).learner);
});

/** Whether this machine lets a test mount a small disk. */
function mayMount(): boolean {
  using folder = new TemporaryFolder();
  if (spawnSync("mount", ["-t", "tmpfs", "tmpfs", folder.path]).status !== 0) return false;
  return spawnSync("umount", [folder.path]).status === 0;
}

Deno.test({
  name: "a disk that is full ends the run; with room it goes on to the same result",
  ignore: !mayMount(),
  async fn() {
    await using all = await fixture();
    const whole = await all.finished("whole");
    const disk = join(all.folder, "runs", "r", "checkpoints");
    const one = execFileSync("du", ["-sk", join(disk, "../../whole/checkpoints/step-000003")], {
      encoding: "utf8",
    });
    mkdirSync(disk, { recursive: true });
    const size = `size=${Math.round(1.5 * parseInt(one))}k`;
    execFileSync("mount", ["-t", "tmpfs", "-o", size, "tmpfs", disk]);
    try {
      const trainer = all.trainer();
      await trainer.start({ runId: "r", configJson: "", resume: false });
      const { run } = await ended(trainer, "r");
      assert.equal(run.state, "FAILED");
      assert.match(run.message, /step-000002: .*No space left.*last good one is step-000001/);
      assert.deepEqual([run.step, run.checkpointStep], [2, 1]);
      assert.deepEqual(readdirSync(disk), ["step-000001"]);
      execFileSync("mount", ["-o", "remount,size=10m", disk]);
      await trainer.start({ runId: "r", configJson: "", resume: true });
      const { run: resumed, metrics } = await ended(trainer, "r");
      assert.equal(resumed.state, "SUCCEEDED", resumed.message);
      assert.deepEqual(metrics, whole.metrics);
    } finally {
      execFileSync("umount", [disk]);
    }
  },
});
