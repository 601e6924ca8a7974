import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initTrainState } from "@decorum/learning";
import { float32 } from "@decorum/tensor";
import { readResumePoint, type ResumePoint, writeResumePoint } from "./checkpoint.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { ended, fixture } from "../testing/fixture.ts";

const layers = new Map([["layer.q", [2, 3] as const]]);
const lora = { r: 1, loraAlpha: 2, loraDropout: 0, targetModules: ["q"] };
const run = { runId: "r", configHash: "hash" };

function stateAt(step: number): ResumePoint {
  const params = new Map([
    ["base_model.model.layer.q.lora_A.weight", float32([1, 3], [1e-30, step, 3])],
    ["base_model.model.layer.q.lora_B.weight", float32([2, 1], [0.1, -0])],
  ]);
  return {
    progress: {
      step,
      klController: { kind: "adaptive", value: 0.1 + 0.2, target: 6, horizon: 10_000 },
      moments: { mean: 1 / 3, var: 1, count: 5 },
      rewardVersion: "v1",
    },
    learner: { train: initTrainState(params), reference: undefined },
  };
}

Deno.test("a run continues from what was put into its checkpoint, bit for bit", () => {
  using folder = new TemporaryFolder();
  const put = { ...stateAt(4), generator: stateAt(3).learner.train.params };
  const { path } = writeResumePoint(folder.path, put, run, { lora, base: "model" });
  assert.deepEqual(readResumePoint(path, { ...run, layers }, put.learner), put);
});

Deno.test("a checkpoint of another run is refused", () => {
  using folder = new TemporaryFolder();
  const put = stateAt(1);
  const { path } = writeResumePoint(folder.path, put, run, { lora, base: "model" });
  const read = (change: Partial<typeof run>) => () =>
    readResumePoint(path, { ...run, ...change, layers }, put.learner);
  assert.throws(read({ runId: "other" }), /state.json: run_id is r, the run has other/);
  assert.throws(read({ configHash: "other" }), /config_hash is hash, the run has other/);
  writeFileSync(join(path, "state.json"), '{"format": 1}');
  assert.throws(read({}), /Cannot resume from .*state.json[^]*run_id/);
});

/** Whether this machine lets a test mount a small disk. */
function mayMount(): boolean {
  using folder = new TemporaryFolder();
  if (spawnSync("mount", ["-t", "tmpfs", "tmpfs", folder.path]).status !== 0) return false;
  return spawnSync("umount", [folder.path]).status === 0;
}

Deno.test({
  name: "a disk that is full ends the run; with room it continues to the same result",
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
