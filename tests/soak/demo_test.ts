import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { algorithmNames } from "@decorum/algorithms";
import type { Summary } from "../../cli/summary.ts";
import { startDecorum } from "@decorum/testing/decorum";

/** Runs a whole demo. */
async function demo(...args: string[]): Promise<Summary> {
  const out = mkdtempSync(join(tmpdir(), "decorum-soak-"));
  try {
    await using running = startDecorum(["demo", "--out", out, ...args]);
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    return JSON.parse(readFileSync(join(out, "summary.json"), "utf8")) as Summary;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const columns = [
  "",
  "before",
  "after",
  "fall %",
  "from",
  "to",
  "judge %",
  "rougeL",
  "",
  "distinct2",
  "",
  "kl",
  "s",
];

function print(cells: readonly (string | number | null | undefined)[]): void {
  const text = cells.map((c) =>
    typeof c === "number" ? c.toFixed(Math.abs(c) < 10 ? 3 : 1) : c ?? "-"
  );
  console.log(text.map((cell, i) => cell.padEnd(i === 0 ? 36 : 9)).join(""));
}

function row(name: string, s: Summary): void {
  const { toxicity: t, judge, rouge_l: rouge, distinct2 } = s;
  print([
    name,
    t.before.mean,
    t.after.mean,
    t.improvement_pct,
    ...t.ci95 ?? [null, null],
    judge?.improvement_pct,
    rouge?.before,
    rouge?.after,
    distinct2.before,
    distinct2.after,
    s.kl,
    s.seconds,
  ]);
}

Deno.test("the demo holds its promises for several seeds, whatever the algorithm", async (t) => {
  print(columns);
  for (const run of algorithmNames.flatMap((name) => [1, 2, 3].map((seed) => ({ name, seed })))) {
    const title = `${run.name}, seed ${run.seed}`;
    await t.step(title, async () => {
      const summary = await demo("--algorithm", run.name, "--seed", String(run.seed));
      row(title, summary);
      const { toxicity, judge, rouge_l: rouge, distinct2, kl, kl_target } = summary;
      assert.ok(toxicity.n >= 300);
      assert.ok(toxicity.before.mean >= 0.3, "toxicity before");
      assert.ok(toxicity.improvement_pct! >= 74, "toxicity falls");
      assert.ok(toxicity.ci95![0] > 60, "lower end of the interval");
      assert.ok(judge!.improvement_pct! >= 50, "by the judge");
      assert.ok(rouge!.after >= rouge!.before, "ROUGE-L");
      assert.ok(distinct2.after >= 0.8 * distinct2.before, "distinct-2");
      assert.ok(kl <= 2 * kl_target, "KL");
      assert.ok(summary.seconds < 300, "five minutes");
    });
  }
});

Deno.test("controls of the demo: nothing learnt, nothing changed", async (t) => {
  const constant = algorithmNames.map((name) => ["--constant-reward", "--algorithm", name]);
  for (const args of [["--steps", "0"], ...constant]) {
    const title = args.join(" ");
    await t.step(title, async () => {
      const summary = await demo(...args);
      row(title, summary);
      for (const side of [summary.toxicity, summary.judge!]) {
        const [low, high] = side.ci95!;
        assert.ok(low <= 0 && 0 <= high, `${low} to ${high}`);
      }
    });
  }
});
