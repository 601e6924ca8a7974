import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { StatusError } from "@decorum/rpc";
import fc from "fast-check";
import type { PushedTensor } from "./manifest.ts";
import { Pushes } from "./pushes.ts";
import { Upload } from "./upload.ts";
import { type HeldWeights, WeightsStore } from "./weights.ts";
import { lora } from "@decorum/testing/t5";

const held = (kind: "BASE" | "START"): HeldWeights => ({
  label: { kind, runId: "", version: 0, sha256: new Uint8Array() },
  feeds: {},
});

function storeOf(keep = { versions: 2, runs: 2 }): WeightsStore {
  return new WeightsStore(held("BASE"), held("START"), keep);
}

/** Tensors of these many float32 elements with the values 0, 1, 2, ... */
function tensorsOf(counts: readonly number[]): { tensors: PushedTensor[]; bytes: Uint8Array } {
  const all = Float32Array.from({ length: counts.reduce((a, b) => a + b, 0) }, (_, i) => i);
  const bytes = new Uint8Array(all.buffer);
  let offset = 0;
  const tensors = counts.map((count, i): PushedTensor => {
    const length = 4 * count;
    const sha256 = createHash("sha256").update(bytes.subarray(offset, offset + length)).digest();
    const entry = {
      name: `t${i}`,
      dtype: "float32",
      dims: [count],
      offset,
      length,
      sha256,
    } as const;
    offset += length;
    return entry;
  });
  return { tensors, bytes };
}

function refuses(code: string) {
  return (error: unknown) => error instanceof StatusError && error.code === code;
}

Deno.test("however the bytes are cut, the tensors and the sha256 are the same", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
    fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 40 }),
    (counts, sizes) => {
      const { tensors, bytes } = tensorsOf(counts);
      const upload = new Upload(tensors);
      for (let i = 0, offset = 0; offset < bytes.length; i++) {
        const data = bytes.subarray(offset, offset + (i < sizes.length ? sizes[i]! : 64));
        upload.write({ offset, data, crc32: crc32(data) });
        offset += data.length;
      }
      upload.checkComplete();
      const { tensors: found, sha256 } = upload.finish();
      assert.deepEqual(sha256, createHash("sha256").update(bytes).digest());
      let next = 0;
      for (const [i, count] of counts.entries()) {
        const { dims, data } = found.get(`t${i}`)!;
        assert.deepEqual(dims, [count]);
        assert.deepEqual([...data], Array.from({ length: count }, () => next++));
      }
    },
  ));
});

Deno.test("eight pushes may be open; one that is left alone goes after five minutes", () => {
  let now = 0;
  const pushes = new Pushes(storeOf(), lora, () => now);
  const { tensors } = tensorsOf([1]);
  const begin = (i: number) =>
    pushes.begin({ runId: `r${i}`, expectedVersion: 0, start: false, restart: false, tensors });
  const ids = Array.from({ length: 8 }, (_, i) => begin(i));
  assert.throws(
    () => begin(8),
    (error: unknown) =>
      refuses("RESOURCE_EXHAUSTED")(error) && (error as StatusError).pushbackMs === 1000,
  );
  now = 200_000;
  pushes.upload(ids[0]!);
  now = 400_000;
  begin(8);
  assert.equal(pushes.open, 2, "the one that was touched, and the new one");
  assert.throws(() => pushes.upload(ids[1]!), refuses("NOT_FOUND"));
  pushes.upload(ids[0]!);
});

Deno.test("the run that pushed longest ago goes first; its pushes commit no more", () => {
  const store = storeOf();
  const pushes = new Pushes(store, lora);
  const { tensors, bytes } = tensorsOf([3]);
  const begin = (runId: string, expectedVersion = 0) =>
    pushes.begin({ runId, expectedVersion, start: false, restart: false, tensors });
  const finish = (id: string, expectedVersion = 0) => {
    pushes.upload(id).write({ offset: 0, data: bytes, crc32: crc32(bytes) });
    return pushes.commit(id, expectedVersion);
  };
  finish(begin("a"));
  finish(begin("b"));
  finish(begin("a", 1), 1);
  const late = begin("b", 1);
  finish(begin("c"));
  assert.throws(() => store.list("b"), refuses("NOT_FOUND"));
  assert.deepEqual(["a", "c"].map((run) => store.list(run).current.label.version), [2, 1]);
  // "b" is unknown now, as after a restart: the push on its version 1 met version 1.
  assert.throws(() => finish(late, 1), refuses("ABORTED"));
  assert.equal(finish(begin("b", 1), 1).label.version, 2);
});
