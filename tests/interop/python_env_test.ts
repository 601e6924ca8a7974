import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "./python_env.ts";
import { runPython } from "./run_python.ts";

const golden = join(dirname(fileURLToPath(import.meta.url)), "..", "golden");

Deno.test("the environment is made once and its path is absolute", async () => {
  const [first, second] = await Promise.all([ensurePython(), ensurePython()]);
  assert.equal(first, second);
  assert.match(first, /^\/.*\.venv\/bin\/python$/);
});

Deno.test("transformers and the safetensors library read a committed case", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-interop-"));
  try {
    const model = join(golden, "t5_forward_flan", "model");
    const inputs = join(golden, "t5_forward_flan", "inputs.safetensors");
    const out = join(folder, "out.safetensors");
    const ran = await runPython("transformers_logits.py", [
      ...["--model", model, "--inputs", inputs, "--out", out],
    ]) as { missing_keys: string[]; unexpected_keys: string[]; written: Record<string, number[]> };
    assert.deepEqual([ran.missing_keys, ran.unexpected_keys], [[], []]);
    const found = await runPython("safetensors_check.py", [out]) as {
      tensors: Record<string, { dtype: string; shape: number[]; sha256: string }>;
    };
    for (const [name, shape] of Object.entries(ran.written)) {
      assert.deepEqual(found.tensors[name]?.shape, shape);
      assert.equal(found.tensors[name]?.dtype, "F32");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("PEFT accepts a whole adapter and the failure of a script carries its reason", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-interop-"));
  try {
    const lora = join(golden, "t5_lora_grad_v10");
    const args = [
      "load",
      "--base",
      join(lora, "model"),
      "--inputs",
      join(lora, "inputs.safetensors"),
    ];
    const out = ["--out", join(folder, "out.safetensors")];
    const loaded = await runPython("peft_roundtrip.py", [
      ...args,
      ...["--adapter", join(lora, "adapter"), ...out],
    ]) as { keys: string[]; target_modules: string[] };
    assert.equal(loaded.keys.length, 32); // (2 encoder + 2 x 3 decoder attentions) x (q, v) x (A, B)
    assert.deepEqual(loaded.target_modules, ["q", "v"]);
    await assert.rejects(
      runPython("peft_roundtrip.py", [...args, "--adapter", folder, ...out]),
      /adapter_config\.json/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
