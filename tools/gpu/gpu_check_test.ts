import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openPolicyModel } from "@decorum/models";
import { randomT5 } from "../../bench/random_t5.ts";
import { whyNoCuda } from "./device.ts";
import { parityChecks } from "./parity.ts";
import { measureRates } from "./rates.ts";
import { decodeBytes, timings } from "./timing.ts";

const threads = { intraOpThreads: 1 };

Deno.test("the checks of a GPU pass on the CPU in fp16", async () => {
  const checks = await parityChecks({ ...threads, precision: "fp16" });
  assert.deepEqual(checks.filter((check) => !check.ok), []);
  assert.ok(checks.length >= 5 && checks.every(({ error }) => error > 0), JSON.stringify(checks));
});

Deno.test("a precision that the provider lacks fails its checks with the reason", async () => {
  const checks = await parityChecks({ ...threads, precision: "bf16" });
  assert.ok(checks.every(({ ok, problem }) => !ok && /precision "bf16"/.test(problem ?? "")));
});

Deno.test("rates and timings come with a floor that is below the time", async () => {
  const cache = mkdtempSync(join(tmpdir(), "decorum-gpu-"));
  try {
    const rates = await measureRates(threads, ["float32"], 256, 8);
    assert.ok(rates.products.float32! > 0 && rates.bandwidth > 0, JSON.stringify(rates));
    const work = { size: "tiny", batch: 2, query: 8, response: 4, rounds: 1, cache } as const;
    const rows = await timings(work, threads, rates);
    assert.deepEqual(rows.map(({ bench }) => bench), ["forward", "train_step", "decode"]);
    for (const row of rows) {
      assert.ok(row.floor_s > 0 && row.seconds > 0, JSON.stringify(row));
      assert.equal(row.share_of_floor_speed, row.floor_s / row.seconds);
    }
    assert.ok(rows[0]!.calls!["CPUExecutionProvider"]! > 100);
    const model = openPolicyModel(randomT5(cache, "tiny"));
    const { config } = model;
    const [fp32, bf16] = (["float32", "bfloat16"] as const).map((type) =>
      decodeBytes(model, type, 2, 8, 4)
    );
    const head = 4 * 4 * config.vocab_size * config.hidden_size; // float32 in both
    assert.equal(fp32! - head, 2 * (bf16! - head));
  } finally {
    rmSync(cache, { recursive: true });
  }
});

Deno.test({
  name: "gpu:check says why it did not run and succeeds",
  ignore: whyNoCuda(0) === undefined,
  fn() {
    const script = fileURLToPath(new URL("../gpu_check.ts", import.meta.url));
    const run = (...args: string[]) =>
      execFileSync(process.execPath, ["run", "-A", script, ...args], { encoding: "utf8" });
    assert.match(run(), /^not run: execution provider "cuda" lacks libonnxruntime_providers/);
    const answer = JSON.parse(run("--json"));
    assert.equal(answer.run, false);
    assert.match(answer.reason, /of exactly the onnxruntime version/);
  },
});
