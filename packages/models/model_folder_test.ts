import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float32, readSafetensors } from "@decorum/tensor";
import { writeModelFolder } from "./model_folder.ts";

function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "decorum-models-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const model = { config: { model_type: "t5" }, tensors: new Map([["w", float32([1], [1])]]) };

Deno.test("a model folder has config, weights and the tokenizer's files; a second one replaces it", () => {
  using folder = temporaryFolder();
  const base = join(folder.path, "base");
  mkdirSync(base);
  for (const name of ["tokenizer.json", "spiece.model", "merges.txt", "README.md", "model.bin"]) {
    writeFileSync(join(base, name), name);
  }
  const out = join(folder.path, "a", "b");
  writeModelFolder(out, { ...model, companionsOf: base });
  assert.deepEqual(readdirSync(out).sort(), [
    "config.json",
    "merges.txt",
    "model.safetensors",
    "spiece.model",
    "tokenizer.json",
  ]);
  writeModelFolder(out, { ...model, tensors: new Map([["w", float32([1], [2])]]) });
  assert.deepEqual(readdirSync(out).sort(), ["config.json", "model.safetensors"]);
  assert.deepEqual(readSafetensors(join(out, "model.safetensors")).get("w"), float32([1], [2]));
  assert.deepEqual(readdirSync(join(folder.path, "a")), ["b"]);
});

Deno.test("a folder of something else is left alone", () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "thesis.txt"), "years of work");
  assert.throws(() => writeModelFolder(folder.path, model), /1 other files.*"thesis.txt"/);
  assert.equal(readFileSync(join(folder.path, "thesis.txt"), "utf8"), "years of work");
});

Deno.test("a write that fails leaves the old model and nothing else", () => {
  using folder = temporaryFolder();
  const out = join(folder.path, "out");
  writeModelFolder(out, model);
  const tensors = new Map([["__metadata__", float32([1], [1])]]);
  assert.throws(() => writeModelFolder(out, { ...model, tensors }), /__metadata__/);
  assert.deepEqual(readdirSync(folder.path), ["out"]);
  assert.deepEqual(readSafetensors(join(out, "model.safetensors")).get("w"), float32([1], [1]));
});

Deno.test("whole numbers stay floats in fields that transformers declares as such", () => {
  using folder = temporaryFolder();
  const config = { d_model: 8, initializer_factor: 1, dropout_rate: 0, layer_norm_eps: 1e-5 };
  writeModelFolder(join(folder.path, "a"), { ...model, config });
  const text = readFileSync(join(folder.path, "a", "config.json"), "utf8");
  assert.match(text, /"initializer_factor": 1\.0,/);
  assert.match(text, /"dropout_rate": 0,/);
  assert.deepEqual(JSON.parse(text), config);
});
