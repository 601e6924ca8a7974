import assert from "node:assert/strict";
import { loraDropoutMasks } from "./lora_dropout.ts";

const layers = new Map<string, [number, number]>([
  ["encoder.block.0.layer.0.SelfAttention.q", [8, 64]],
  ["decoder.block.0.layer.0.SelfAttention.q", [8, 64]],
  ["decoder.block.0.layer.1.EncDecAttention.q", [8, 64]],
  ["decoder.block.0.layer.1.EncDecAttention.k", [8, 64]],
]);
const model = {
  layers,
  rowsOf: (layer: string) => /^encoder|\.k$/.test(layer) ? "source" as const : "target" as const,
};
const config = { r: 1, loraAlpha: 1, loraDropout: 0.25, targetModules: ["q", "k"] };
const all = [{ index: 0, source: 40, target: 20 }, { index: 3, source: 30, target: 21 }];
const rows = { source: all, target: all };
const draw = { seed: 1, step: 5 };

Deno.test("rows follow what a layer sees: source or target", () => {
  const masks = loraDropoutMasks(config, model, rows, draw);
  assert.deepEqual(Object.values(masks).map((m) => m.dims[0]), [80, 42, 42, 80]);
});

Deno.test("a quarter is dropped, the rest scaled up, padding is 0", () => {
  const mask = loraDropoutMasks(config, model, rows, draw)[
    "encoder.block.0.layer.0.SelfAttention.q.lora_dropout"
  ]!.data as Float32Array;
  const real = [...mask.subarray(0, 40 * 64), ...mask.subarray(40 * 64, 70 * 64)];
  const kept = real.filter((x) => x !== 0);
  assert.ok(kept.every((x) => x === Math.fround(4 / 3)));
  assert.ok(Math.abs(kept.length / real.length - 0.75) < 0.02);
  assert.ok(mask.subarray(70 * 64).every((x) => x === 0));
});

Deno.test("a sequence's draws depend on seed, step, layer and its index alone", () => {
  const name = "decoder.block.0.layer.0.SelfAttention.q.lora_dropout";
  const of = (
    target: typeof all,
    at = draw,
  ) => [
    ...loraDropoutMasks(config, model, { source: all, target }, at)[name]!.data.slice(0, 20 * 64),
  ];
  assert.deepEqual(of([all[0]!]), of(all));
  assert.notDeepEqual(of(all, { seed: 1, step: 6 }), of(all));
  assert.notDeepEqual(of(all, { seed: 2, step: 5 }), of(all));
  assert.notDeepEqual(of([all[1]!]), of(all));
});

Deno.test("a prompt that is shared has one mask in the encoder; its responses have one each in the decoder", () => {
  const shared = { source: [all[0]!], target: all };
  const masks = loraDropoutMasks(config, model, shared, draw);
  assert.deepEqual(Object.values(masks).map((mask) => mask.dims[0]), [40, 42, 42, 40]);
});
