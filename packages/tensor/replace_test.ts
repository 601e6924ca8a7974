import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { TemporaryFolder } from "@decorum/testing/folder";
import { isLeftover, replaceFile, replaceFolder } from "./replace.ts";

Deno.test("a file is written whole, folders and all; a write that fails leaves the old one", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("a/b/text");
  replaceFile(path, "first");
  const fails = function* () {
    yield new Uint8Array(3);
    throw new Error("the source has ended");
  };
  assert.throws(() => replaceFile(path, fails()), /the source has ended/);
  assert.equal(readFileSync(path, "utf8"), "first");
  replaceFile(path, "second");
  assert.equal(readFileSync(path, "utf8"), "second");
  assert.deepEqual(readdirSync(folder.join("a/b")), ["text"]);
});

Deno.test("a folder is replaced whole, one of another kind is left alone", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("a");
  const write = (text: string) => (temporary: string) => {
    assert.equal(isLeftover(temporary), true);
    mkdirSync(`${temporary}/inner`);
    writeFileSync(`${temporary}/inner/x`, text);
    writeFileSync(`${temporary}/marker`, "");
  };
  assert.equal(replaceFolder(path, "marker", write("12345")), 5);
  assert.equal(replaceFolder(path, "marker", write("123")), 3);
  assert.throws(() =>
    replaceFolder(path, "marker", () => {
      throw new Error("no room");
    }), /no room/);
  assert.equal(readFileSync(`${path}/inner/x`, "utf8"), "123");
  assert.throws(() => replaceFolder(path, "another", write("1")), /2 other files.*no another/);
  assert.deepEqual(readdirSync(folder.path), ["a"]);
});
