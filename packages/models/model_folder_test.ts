import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float32, readSafetensors, writeSafetensors } from "@decorum/tensor";
import { insideFolder, writeModelFolder } from "./model_folder.ts";
import { openCheckpoint } from "./checkpoint.ts";

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

Deno.test("weights: links that leave the folder are refused, those of the hub's cache are followed", () => {
  const root = mkdtempSync(join(tmpdir(), "decorum-inside-"));
  try {
    const folder = (...parts: string[]) => {
      const path = join(root, ...parts);
      mkdirSync(path, { recursive: true });
      return path;
    };
    const weights = new Map([["w", float32([2], [1, 2])]]);
    const secret = join(folder("elsewhere"), "model.safetensors");
    writeSafetensors(secret, weights);

    const linked = folder("linked");
    symlinkSync(secret, join(linked, "model.safetensors"));
    assert.throws(() => openCheckpoint(linked), /is a link to .*elsewhere.*copy it there/);

    const sharded = folder("sharded");
    const index = (name: string) =>
      writeFileSync(
        join(sharded, "model.safetensors.index.json"),
        JSON.stringify({ weight_map: { w: name } }),
      );
    symlinkSync(secret, join(sharded, "shard.safetensors"));
    index("shard.safetensors");
    assert.throws(() => openCheckpoint(sharded), /is a link to/);
    for (const name of ["../elsewhere/model.safetensors", secret, ".."]) {
      index(name);
      assert.throws(() => openCheckpoint(sharded), /expected the name of a file beside the index/);
    }

    // models--org--name/{blobs,snapshots/<commit>} as huggingface_hub has it.
    const model = folder("models--org--name");
    writeSafetensors(join(folder("models--org--name", "blobs"), "0123"), weights);
    const snapshot = folder("models--org--name", "snapshots", "c0ffee");
    symlinkSync("../../blobs/0123", join(snapshot, "model.safetensors"));
    using opened = openCheckpoint(snapshot);
    assert.deepEqual(opened.keys(), ["w"]);
    symlinkSync("../../../elsewhere/model.safetensors", join(snapshot, "other"));
    assert.throws(() => insideFolder(snapshot, "other"), /is a link to/);
    // A folder may itself be a link: the model is what it leads to.
    symlinkSync(join(model, "snapshots", "c0ffee"), join(root, "current"));
    using again = openCheckpoint(join(root, "current"));
    assert.deepEqual(again.keys(), ["w"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
