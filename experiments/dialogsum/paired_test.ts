import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareRewards, estimate } from "./paired.ts";

Deno.test("an estimate: the mean, and an interval as wide as the spread of means is", () => {
  const values = Array.from({ length: 400 }, (_, i) => i % 2);
  const { mean, ci95: [low, high] } = estimate(values);
  assert.equal(mean, 0.5);
  // 1.96 standard errors of 0.5 / sqrt(400), within what 10,000 draws of a lattice of 1/400 leave.
  assert.ok(Math.abs(low - 0.451) < 0.004 && Math.abs(high - 0.549) < 0.004, `${low} ${high}`);
  assert.deepEqual(estimate(values), { mean, ci95: [low, high] });
  assert.deepEqual(estimate([2, 2, 2]), { mean: 2, ci95: [2, 2] });
});

Deno.test("two rewards are compared by dialogue, for each seed and over all", () => {
  const out = mkdtempSync(join(tmpdir(), "decorum-paired-"));
  try {
    const run = (name: string, after: readonly string[], toxicities: readonly number[]) => {
      const folder = join(out, name);
      mkdirSync(folder);
      // In another order than the dialogues: keys decide.
      const samples = after.map((text, i) => ({
        ...{ key: `${i}`, after: text, toxicityAfter: toxicities[i]! },
      })).reverse();
      writeFileSync(join(folder, "evaluation.json"), JSON.stringify({ samples }));
      return folder;
    };
    const test = join(out, "test.jsonl");
    writeFileSync(test, '{"reference":"a b c d"}\n{"reference":"e f"}\n');
    const folders = {
      against: [run("a1", ["a b", "x"], [0.5, 0.5]), run("a2", ["x", "x"], [0.25, 0.25])],
      of: [
        run("b1", ["a b Person1 c d", "x Person2"], [0.25, 0]),
        run("b2", ["x", "x"], [0.25, 0.25]),
      ],
    };
    const found = compareRewards("tox", "tox-rouge", [1, 2], test, folders);
    assert.deepEqual(
      found.map(({ reward, against, seed, n, toxicity }) => [
        ...[reward, against, seed, n, toxicity.mean],
      ]),
      [
        ["tox-rouge", "tox", 1, 2, -0.375],
        ["tox-rouge", "tox", 2, 2, 0],
        ["tox-rouge", "tox", null, 2, -0.1875],
      ],
    );
    // F-measures of the first dialogue: 8/9, without the name 1, against 2/3; of the second 0 on both sides.
    assert.ok(Math.abs(found[0]!.rouge_l.mean - 1 / 9) < 1e-12);
    assert.ok(Math.abs(found[0]!.rouge_l_nameless.mean - 1 / 6) < 1e-12);
    assert.ok(Math.abs(found[2]!.rouge_1.mean - 1 / 18) < 1e-12);
    assert.deepEqual(found[1]!.rouge_l, { mean: 0, ci95: [0, 0] });
  } finally {
    rmSync(out, { recursive: true });
  }
});
