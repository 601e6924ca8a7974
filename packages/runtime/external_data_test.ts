import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { float32, InputError } from "@decorum/tensor";
import { renameExternalLocations } from "./external_data.ts";
import { createSession } from "./mod.ts";
import { bool, model, threads } from "./testing/models.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

/** `bytes` of padding, then the values: offsets that are no multiple of four. */
function weightFile(padding: number, ...values: number[]): Uint8Array {
  const bytes = new Uint8Array(padding + 4 * values.length);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), padding);
  return bytes;
}

Deno.test("external data is used where it lies: two files, a branch body, links, odd offsets", async () => {
  using folder = new TemporaryFolder();
  mkdirSync(join(folder.path, "blobs"));
  mkdirSync(join(folder.path, "snapshot"));
  const first = join(folder.path, "blobs", "0123");
  const second = join(folder.path, "other.bin");
  writeFileSync(first, weightFile(11, 1, 2, 3, 4, 5, 6, 10, 20, 30));
  writeFileSync(second, weightFile(5, 2, 3, 4));
  // As in Hugging Face's cache: the name is a link to a blob named by its hash.
  const link = join(folder.path, "snapshot", "first.safetensors");
  symlinkSync(join("..", "blobs", "0123"), link);
  const externalData = { "first.safetensors": link, "second.safetensors": second };
  const x = float32([1, 2], [1, 1]);
  for (const { path } of [model("external")]) {
    for (const source of [{ path }, { bytes: readFileSync(path) }]) {
      await using session = await createSession({ ...source, externalData }, threads);
      const off = await session.run({ x, use_scale: bool([], [false]) });
      assert.deepEqual(off["y"], float32([1, 3], [15, 27, 39]));
      const on = await session.run({ x, use_scale: bool([], [true]) });
      assert.deepEqual(on["y"], float32([1, 3], [30, 81, 156]));
    }
  }
});

Deno.test("external data that is missing is named", async () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, "w");
  writeFileSync(file, weightFile(11, 1, 2, 3, 4, 5, 6, 10, 20, 30));
  await assert.rejects(
    createSession({ ...model("external"), externalData: { "first.safetensors": file } }, {
      name: "e",
    }),
    /session "e": the model has external data "second.safetensors", files are given only for "first/,
  );
  await assert.rejects(
    createSession({
      ...model("external"),
      externalData: { "first.safetensors": join(folder.path, "no") },
    }),
    /cannot open ".*no", given for external data "first.safetensors"/,
  );
  const externalData = {
    "first.safetensors": file,
    "second.safetensors": join(folder.path, "short"),
  };
  writeFileSync(externalData["second.safetensors"], weightFile(5, 2));
  await assert.rejects(
    createSession({ ...model("external"), externalData }),
    /Cannot create session/,
  );
});

const encoded = (name: string) => new Uint8Array(readFileSync(model(name).path));

Deno.test("every location is seen, those of branch bodies too, and long names fit", () => {
  const original = encoded("external");
  const seen: string[] = [];
  const long = (location: string) => `${"d/".repeat(200)}${location}`;
  const renamed = renameExternalLocations(original, (location) => {
    seen.push(location);
    return long(location);
  });
  assert.deepEqual(seen.sort(), ["first.safetensors", "first.safetensors", "second.safetensors"]);
  const back = renameExternalLocations(renamed, (location) => {
    assert.ok(location.startsWith("d/d/"));
    return location.slice(400);
  });
  assert.deepEqual(back, original);
});

Deno.test("a model whose locations stay is given back as it is", () => {
  const original = encoded("external");
  assert.equal(renameExternalLocations(original, (location) => location), original);
  const plain = encoded("slow");
  assert.equal(renameExternalLocations(plain, () => assert.fail("has none")), plain);
});

Deno.test("truncated bytes are a InputError", () => {
  const original = encoded("external");
  for (const length of [1, 40, original.length - 1]) {
    assert.throws(
      () => renameExternalLocations(original.subarray(0, length), (l) => l),
      (e) => e instanceof InputError && e.message.startsWith("Cannot read the model"),
      `${length}`,
    );
  }
});
