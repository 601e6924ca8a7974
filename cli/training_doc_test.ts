import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { TemporaryFolder } from "@decorum/testing/folder";

const root = fileURLToPath(new URL("../", import.meta.url));

Deno.test("docs/training.md: every command runs as it stands there", () => {
  using folder = new TemporaryFolder();
  symlinkSync(`${root}demo`, folder.join("demo"));
  const page = readFileSync(`${root}docs/training.md`, "utf8");
  const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block!);
  assert.ok(blocks.length >= 7, `${blocks.length} blocks`);
  const script = [
    "set -euo pipefail",
    'decorum() { "$DENO" run -A "$MAIN" "$@"; }',
    ...blocks,
  ].join("\n");
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script], {
    cwd: folder.path,
    env: { ...process.env, DENO: process.execPath, MAIN: `${root}cli/main.ts` },
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /"score":/);
  for (
    const path of [
      "runs/summaries/model/config.json",
      "runs/adapter/adapter/adapter_config.json",
      "runs/preferred/adapter/adapter_model.safetensors",
      "runs/merged/model.safetensors",
      "runs/reward-onnx/onnx/model.onnx",
    ]
  ) assert.ok(existsSync(folder.join(path)), path);
  assert.equal(folder.lines("scores.jsonl").length, 2);
});
