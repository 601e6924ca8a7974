import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float32, writeSafetensors } from "@decorum/tensor";
import { openCheckpoint } from "./checkpoint.ts";
import { insideFolder } from "./model_folder.ts";

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
