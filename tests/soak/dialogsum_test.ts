import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { TinySources } from "../../experiments/dialogsum/testing.ts";

const main = fileURLToPath(new URL("../../experiments/dialogsum/main.ts", import.meta.url));

Deno.test("experiments/dialogsum: every stage, the figures, and nothing is done twice", () => {
  using sources = new TinySources();
  const out = join(sources.path, "out");
  const experiment = (...args: string[]) => {
    const command = ["run", "-A", main, "--data", sources.data, "--out", out];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...command, "--settings", sources.settings, ...args],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    return { stdout, stderr };
  };
  experiment("--stage", "reward");
  const { stdout, stderr } = experiment();
  assert.match(stderr, /^reward: there already/m);
  assert.match(stdout, /^\| P\(hate\) by \| run \| dialogues \| before \| after \|/);
  const results = JSON.parse(readFileSync(join(out, "results.json"), "utf8"));
  assert.deepEqual(
    results.runs.map((
      { result }: {
        result: { toxicity: { n: number }; reward: string; constant_reward: boolean };
      },
    ) => [result.toxicity.n, result.reward, result.constant_reward]),
    [[12, "toxicity", false], [12, "toxicity-rouge", false], [12, "toxicity", true]],
  );
  assert.deepEqual(
    results.differences.map(({ seed, n }: { seed: number | null; n: number }) => [seed, n]),
    [[1, 12], [null, 12]],
  );
  const again = experiment();
  assert.equal(again.stdout, stdout);
  assert.doesNotMatch(again.stderr, /\$ decorum/);
});
