import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float32, writeSafetensors } from "@decorum/tensor";
import { baseModelHash, tokenizerHash } from "./model_hash.ts";

function modelFolder() {
  const path = mkdtempSync(join(tmpdir(), "decorum-hash-"));
  const model = join(path, "model");
  const cacheDir = join(path, "cache");
  mkdirSync(model);
  writeFileSync(join(model, "config.json"), '{"model_type": "t5", "a": {"b": 1, "c": [2, 1]}}');
  writeSafetensors(join(model, "model.safetensors"), new Map([["w", float32([3], [1, 2, 3])]]));
  return { path, model, cacheDir, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

Deno.test("the hash of a copy is equal; other weights, another config are other models", async () => {
  using folder = modelFolder();
  const { model, path } = folder;
  const hash = await baseModelHash(model);
  assert.match(hash, /^[0-9a-f]{64}$/);
  const copy = join(path, "copy");
  cpSync(model, copy, { recursive: true });
  writeFileSync(join(copy, "config.json"), '{"a":{"c":[2,1],"b":1},"model_type":"t5"}\n');
  assert.equal(await baseModelHash(copy), hash);
  writeFileSync(join(copy, "config.json"), '{"a":{"c":[1,2],"b":1},"model_type":"t5"}');
  assert.notEqual(await baseModelHash(copy), hash);
  writeFileSync(join(copy, "config.json"), readFileSync(join(model, "config.json")));
  const bytes = readFileSync(join(copy, "model.safetensors"));
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(join(copy, "model.safetensors"), bytes);
  assert.notEqual(await baseModelHash(copy), hash);
});

Deno.test("a large file's digest is cached by path, size and time of change", async () => {
  using folder = modelFolder();
  const { model, cacheDir } = folder;
  const options = { cacheDir, cachedBytes: 1 };
  const hash = await baseModelHash(model, options);
  assert.equal(hash, await baseModelHash(model));
  const [kept] = readdirSync(cacheDir);
  assert.match(kept!, /\.sha256$/);
  // The cache is what answers the second time,
  writeFileSync(join(cacheDir, kept!), "0".repeat(64));
  assert.notEqual(await baseModelHash(model, options), hash);
  // but not when it is damaged,
  writeFileSync(join(cacheDir, kept!), "0000");
  assert.equal(await baseModelHash(model, options), hash);
  // nor when the file has changed.
  writeFileSync(join(cacheDir, kept!), "0".repeat(64));
  const { atimeMs, mtimeMs } = statSync(join(model, "model.safetensors"));
  utimesSync(join(model, "model.safetensors"), atimeMs / 1000, mtimeMs / 1000 + 5);
  assert.equal(await baseModelHash(model, options), hash);
});

Deno.test("the tokenizer's hash covers its files; a folder without one has none", () => {
  using folder = modelFolder();
  const { model } = folder;
  assert.equal(tokenizerHash(model), "");
  writeFileSync(join(model, "tokenizer.json"), "{}");
  const hash = tokenizerHash(model);
  assert.match(hash, /^[0-9a-f]{64}$/);
  writeFileSync(join(model, "tokenizer_config.json"), "{}");
  assert.notEqual(tokenizerHash(model), hash);
});
