import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { castTensor, type DType, float32, readSafetensors } from "@decorum/tensor";
import { loraKey } from "./lora.ts";
import { mergeAdapter } from "./merge.ts";
import { writeModelFolder } from "./model_folder.ts";

const layers = new Map<string, [number, number]>([["a.q", [2, 3]], ["a.v", [2, 3]]]);
const config = { r: 1, loraAlpha: 2, loraDropout: 0, targetModules: ["q"] };
const parameters = new Map([
  [loraKey("a.q", "A"), float32([1, 3], [1, 2, 3])],
  [loraKey("a.q", "B"), float32([2, 1], [10, -1])],
]);

function base(dtype: DType = "float32") {
  const path = mkdtempSync(join(tmpdir(), "decorum-merge-"));
  const weight = castTensor(float32([2, 3], [1, 1, 1, 0, 0, 0]), dtype);
  const tensors = new Map([["a.q.weight", weight], ["a.v.weight", weight]]);
  writeModelFolder(join(path, "base"), { config: { model_type: "t5", extra: 1 }, tensors });
  return {
    base: join(path, "base"),
    out: join(path, "out"),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

for (const dtype of ["float32", "bfloat16"] as const) {
  Deno.test(`W + alpha / r B A for targets, in the type of the base: ${dtype}`, () => {
    using folder = base(dtype);
    mergeAdapter(folder.base, layers, { config, parameters }, folder.out);
    const merged = readSafetensors(join(folder.out, "model.safetensors"));
    assert.equal(merged.get("a.q.weight")!.dtype, dtype);
    const values = (key: string) => [...castTensor(merged.get(key)!, "float32").data];
    assert.deepEqual(values("a.q.weight"), [21, 41, 61, -2, -4, -6]);
    assert.deepEqual(values("a.v.weight"), [1, 1, 1, 0, 0, 0]);
  });
}

Deno.test("an adapter of another base is refused, and nothing is written", () => {
  using folder = base();
  const wider = new Map([...parameters, [loraKey("a.q", "A"), float32([1, 4], [1, 2, 3, 4])]]);
  const merge = (p: typeof parameters) =>
    mergeAdapter(folder.base, layers, { config, parameters: p }, folder.out);
  assert.throws(() => merge(wider), /is \[1, ?4\][;,] expected \[1, ?3\]/);
  const other = new Map([["a.q", [2, 4] as [number, number]]]);
  assert.throws(
    () => mergeAdapter(folder.base, other, { config, parameters: wider }, folder.out),
    /shape is \[2, 3\], expected \[2, 4\]/,
  );
  assert.throws(() => readSafetensors(join(folder.out, "model.safetensors")));
});
