import { InputError } from "./tensor.ts";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { ReadableFile } from "./file.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { zipFile } from "@decorum/testing/torch";
import { readZipDirectory, zipDataOffset } from "./zip.ts";

const members = { "a/one": Buffer.from("first"), "a/two": Buffer.from("") };

function contents(bytes: Uint8Array): Record<string, string> {
  using folder = new TemporaryFolder();
  const path = folder.join("a.zip");
  writeFileSync(path, bytes);
  using file = ReadableFile.open(path);
  const found: Record<string, string> = {};
  for (const [name, entry] of readZipDirectory(file)) {
    const data = file.read(zipDataOffset(file, entry), entry.size, name);
    found[name] = Buffer.from(data).toString();
  }
  return found;
}

Deno.test("members are found in zip and zip64 files, with and without a comment", () => {
  const expected = { "a/one": "first", "a/two": "" };
  assert.deepEqual(contents(zipFile(members)), expected);
  assert.deepEqual(contents(zipFile(members, { zip64: true })), expected);
  assert.deepEqual(
    contents(zipFile(members, { comment: "PK\x05\x06 not the end record" })),
    expected,
  );
  assert.deepEqual(contents(zipFile({})), {});
});

Deno.test("compressed, encrypted, repeated and damaged members are refused by name", () => {
  assert.throws(
    () => contents(zipFile(members, { method: 8 })),
    /^InputError: Cannot read zip file .*a\.zip: member "a\/one" is compressed \(method 8\), expected stored/,
  );
  assert.throws(() => contents(zipFile(members, { flags: 1 })), /member "a\/one" is encrypted/);
  const twice = zipFile({ "a/one": Buffer.from("x"), "a/two": Buffer.from("y") });
  twice.set(Buffer.from("a/one"), twice.lastIndexOf("a/two"));
  assert.throws(() => contents(twice), /it has the member "a\/one" twice/);
  const noHeader = zipFile(members);
  noHeader[0] = 0;
  assert.throws(() => contents(noHeader), /there is no header of zip member "a\/one" at byte 0/);
});

Deno.test("a zip file cut at any byte is refused", () => {
  for (const bytes of [zipFile(members), zipFile(members, { zip64: true })]) {
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => contents(bytes.subarray(0, length)), InputError, `cut at ${length}`);
    }
  }
});

Deno.test("any damaged byte gives a clear error or the same names, never a crash", () => {
  for (const bytes of [zipFile(members), zipFile(members, { zip64: true })]) {
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = value;
        try {
          contents(damaged);
        } catch (error) {
          assert.match(String(error), /^InputError: Cannot read /, `byte ${at} = ${value}`);
        }
      }
    }
  }
});
