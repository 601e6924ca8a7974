import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freeAddress } from "@decorum/testing/ports";
import { readSafetensors } from "@decorum/tensor";
import { startDecorum } from "@decorum/testing/decorum";

const root = fileURLToPath(new URL("../../", import.meta.url));
const recorded = join(root, "tests/system/testdata/old_runs");
/** As it was when the runs were recorded: settings name the same files from the repository's root. */
const config = "tests/system/testdata/old_runs/config.yaml";

/** Whether this processor computes what the one that recorded the runs did, to the last bit. */
function sameProcessor(): boolean {
  if (!existsSync("/proc/cpuinfo")) return false;
  const flags = readFileSync("/proc/cpuinfo", "utf8").match(/^flags.*/m)?.[0] ?? "";
  const hash = createHash("sha256").update(flags + "\n").digest("hex");
  return hash === readFileSync(join(recorded, "cpu_flags.sha256"), "utf8").trim();
}

/** The files that the recorded run ended with are those that the resumed one wrote. */
function checkEqual(name: string, folder: string): void {
  for (const file of readdirSync(join(recorded, name, "expected"))) {
    const expected = join(recorded, name, "expected", file);
    const found = join(folder, file);
    if (readFileSync(found).equals(readFileSync(expected))) continue;
    assert.ok(!sameProcessor(), `${name}: ${file} differs from what the old version made`);
    const values = readSafetensors(found);
    for (const [key, { data }] of readSafetensors(expected)) {
      const now = values.get(key)!.data as Float32Array;
      const worst = Math.max(...(data as Float32Array).map((x, i) => Math.abs(x - now[i]!)));
      assert.ok(worst < 1e-3, `${name}: ${key} of ${file} is up to ${worst} off`);
    }
  }
}

async function inCopy(name: string, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "decorum-old-runs-"));
  try {
    cpSync(join(recorded, name), folder, { recursive: true });
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const algorithm of ["ppo", "grpo", "rloo"]) {
  Deno.test(`a ${algorithm} run of an older version continues to the same adapter`, async () => {
    const [policy, reward, evaluator, trainer] = await Promise.all(
      [1, 2, 3, 4].map(() => freeAddress()),
    );
    await inCopy(algorithm, async (runs) => {
      const settings = [
        `policy.listen=${policy}`,
        `reward.listen=${reward}`,
        `evaluator.listen=${evaluator}`,
        `evaluator.policy=["${policy}"]`,
        `trainer.listen=${trainer}`,
        `trainer.policy=["${policy}"]`,
        `trainer.reward=${reward}`,
        `trainer.runs=${runs}`,
      ];
      const log = join(runs, "services.log");
      await using resumed = startDecorum(
        ["resume", algorithm, "--config", config, "--log", log, "--set", ...settings],
        { cwd: root },
      );
      const { code, stderr } = await resumed.ended;
      assert.equal(code, 0, stderr);
      checkEqual(algorithm, join(runs, algorithm, "adapter"));
    });
  });
}

const prompt = "\nSummarize the following conversation.\n\n{dialogue}\n\nSummary:\n";
const data = (name: string) => join(recorded, name);
const trainings = {
  sft: [
    ...["--model", "demo/models/policy", "--data", data("prompts.jsonl")],
    ...["--prompt", prompt, "--response", "{civil}"],
  ],
  "reward-train": ["--model", "demo/models/reward", "--data", data("texts.jsonl")],
};

for (const [command, args] of Object.entries(trainings)) {
  Deno.test(`a run of \`decorum ${command}\` of an older version continues to the same adapter`, async () => {
    await inCopy(command, async (out) => {
      await using resumed = startDecorum([
        ...[command, ...args, "--steps", "200", "--lora-r", "2", "--lora-dropout", "0.1"],
        ...["--threads", "1", "--seed", "4", "--learning-rate", "0.003", "--out", out, "--resume"],
      ], { cwd: root });
      const { code, stderr } = await resumed.ended;
      assert.equal(code, 0, stderr);
      checkEqual(command, join(out, "adapter"));
    });
  });
}
