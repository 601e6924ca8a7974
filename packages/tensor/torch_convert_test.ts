import { InputError } from "./input_error.ts";
import assert from "node:assert/strict";
import { copyFileSync, readdirSync, statSync, truncateSync, utimesSync } from "node:fs";
import { readSafetensors } from "./safetensors.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { convertTorchCheckpoint } from "./torch_convert.ts";

const testdata = (name: string) => new URL(`./testdata/${name}`, import.meta.url).pathname;

Deno.test("a checkpoint is converted once, into what safetensors itself writes", () => {
  using folder = new TemporaryFolder();
  const cache = folder.join("cache/of/weights");
  const path = convertTorchCheckpoint(testdata("checkpoint.bin"), cache);
  assert.deepEqual(readSafetensors(path), readSafetensors(testdata("checkpoint.safetensors")));
  const { ino, mtimeMs } = statSync(path);
  assert.equal(convertTorchCheckpoint(testdata("checkpoint.bin"), cache), path);
  assert.deepEqual([statSync(path).ino, statSync(path).mtimeMs], [ino, mtimeMs]);
  assert.equal(readdirSync(cache).length, 1);
});

Deno.test("a changed checkpoint is converted again, and a damaged cache file is replaced", () => {
  using folder = new TemporaryFolder();
  const source = folder.join("pytorch_model.bin");
  copyFileSync(testdata("checkpoint.bin"), source);
  const first = convertTorchCheckpoint(source, folder.path);
  assert.match(first, /pytorch_model-[0-9a-f]{32}\.safetensors$/);
  truncateSync(first, 100);
  assert.equal(convertTorchCheckpoint(source, folder.path), first);
  assert.equal(readSafetensors(first).size, 18);
  utimesSync(source, 1, 1);
  assert.notEqual(convertTorchCheckpoint(source, folder.path), first);
});

Deno.test("a checkpoint that is refused leaves nothing behind", () => {
  using folder = new TemporaryFolder();
  assert.throws(() => convertTorchCheckpoint(testdata("legacy.bin"), folder.path), InputError);
  assert.deepEqual(readdirSync(folder.path), []);
  assert.throws(
    () => convertTorchCheckpoint(folder.join("no.bin"), folder.path),
    /Cannot open .*no/,
  );
});

Deno.test("processes that convert at the same time all get the whole file", async () => {
  using folder = new TemporaryFolder();
  const script = `
    const { convertTorchCheckpoint, readSafetensors } = await import(Deno.args[0]);
    const path = convertTorchCheckpoint(Deno.args[1], Deno.args[2]);
    console.log(path, readSafetensors(path).size);`;
  const args = [new URL("./mod.ts", import.meta.url).href, testdata("checkpoint.bin"), folder.path];
  const runs = Array.from({ length: 3 }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["eval", "--ext=js", script, ...args],
      stderr: "inherit",
    }).output());
  const outputs = (await Promise.all(runs)).map(({ stdout }) => new TextDecoder().decode(stdout));
  assert.equal(new Set(outputs).size, 1);
  assert.match(outputs[0]!, /\.safetensors 18\n$/);
  assert.equal(readdirSync(folder.path).length, 1);
});
