import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { renameExternalLocations } from "./external_locations.ts";

const model = (name: string) =>
  new Uint8Array(readFileSync(new URL(`./testdata/${name}.onnx`, import.meta.url)));

Deno.test("every location is seen, those of branch bodies too, and long names fit", () => {
  const original = model("external");
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
  const original = model("external");
  assert.equal(renameExternalLocations(original, (location) => location), original);
  const plain = model("slow");
  assert.equal(renameExternalLocations(plain, () => assert.fail("has none")), plain);
});

Deno.test("truncated bytes are a InputError", () => {
  const original = model("external");
  for (const length of [1, 40, original.length - 1]) {
    assert.throws(
      () => renameExternalLocations(original.subarray(0, length), (l) => l),
      (e) => e instanceof InputError && e.message.startsWith("Cannot read the model"),
      `${length}`,
    );
  }
});
