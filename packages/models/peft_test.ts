import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { float32, InputError, type Tensor, writeSafetensors } from "@decorum/tensor";
import {
  classifierModel,
  initAdapter,
  initValueHead,
  type LoraConfig,
  loraScaling,
  policyModel,
  readPeftAdapter,
  targetLayers,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  writePeftAdapter,
} from "./mod.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { lora, randomAdapter, tinyRoberta, tinyT5 } from "./testing/tiny.ts";

const { layers } = policyModel(tinyT5, "tiny");
const config: LoraConfig = { r: 3, loraAlpha: 6, loraDropout: 0.1, targetModules: ["q", "v"] };

/** Writes an adapter whose `adapter_config.json` then has some fields changed. */
function changed(
  folder: string,
  fields: Readonly<Record<string, unknown>>,
  parameters: ReadonlyMap<string, Tensor<"float32">> = randomAdapter(config, layers),
): string {
  writePeftAdapter(folder, { config, parameters });
  const file = `${folder}/adapter_config.json`;
  const json = { ...JSON.parse(readFileSync(file, "utf8")), ...fields };
  writeFileSync(file, JSON.stringify(json));
  return folder;
}

Deno.test("what is written is read back, the value head from a file of its own", () => {
  using folder = new TemporaryFolder();
  const parameters = randomAdapter(config, layers);
  const path = folder.join("adapter");
  writePeftAdapter(path, { config, parameters }, { base: "models/t5" });
  assert.deepEqual(readdirSync(path).sort(), ["adapter_config.json", "adapter_model.safetensors"]);
  assert.deepEqual(readPeftAdapter(path, layers), { config, parameters });

  const valueHead = initValueHead(12);
  writePeftAdapter(path, { config, parameters, valueHead });
  assert.deepEqual(readdirSync(path).sort(), [
    "adapter_config.json",
    "adapter_model.safetensors",
    "model.safetensors",
  ]);
  assert.deepEqual(readPeftAdapter(path, layers), { config, parameters, valueHead });
  assert.deepEqual(readdirSync(folder.path), ["adapter"], "nothing temporary is left");
});

Deno.test("keys are PEFT's, for every target layer an A and a B", () => {
  const adapter = initAdapter(lora("q"), layers, 1);
  assert.deepEqual([...adapter.keys()].slice(0, 2), [
    "base_model.model.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight",
    "base_model.model.encoder.block.0.layer.0.SelfAttention.q.lora_B.weight",
  ]);
  assert.equal(adapter.size, 2 * (2 + 2 * 3));
  const [a, b] = adapter.values();
  assert.deepEqual([a!.dims, b!.dims], [[3, 12], [10, 3]]);
  assert.ok(a!.data.every((x) => Math.abs(x) <= 12 ** -0.5) && a!.data.some((x) => x !== 0));
  assert.ok(b!.data.every((x) => x === 0));
});

Deno.test("an adapter is written over another, never over other files", () => {
  using folder = new TemporaryFolder();
  const parameters = randomAdapter(config, layers);
  mkdirSync(folder.join("empty"));
  writePeftAdapter(folder.join("empty"), { config, parameters });
  writeFileSync(folder.join("notes.txt"), "mine");
  assert.throws(
    () => writePeftAdapter(folder.path, { config, parameters }),
    /^InputError: Cannot write to folder .*: it holds 2 other files \(first: "empty"\) and no adapter_config/,
  );
});

Deno.test("a failed write leaves the adapter that was there", () => {
  using folder = new TemporaryFolder();
  const parameters = randomAdapter(config, layers);
  const path = folder.join("adapter");
  writePeftAdapter(path, { config, parameters });
  const reserved = new Map([["__metadata__", float32([1], [1])]]);
  assert.throws(
    () => writePeftAdapter(path, { config, parameters: reserved }),
    /reserves the name/,
  );
  assert.deepEqual(readPeftAdapter(path, layers), { config, parameters });
  assert.deepEqual(readdirSync(folder.path), ["adapter"]);
});

Deno.test("target_modules may be a regular expression, which must match the whole name", () => {
  using folder = new TemporaryFolder();
  const names = targetLayers(lora("EncDecAttention.q", "EncDecAttention.v"), layers);
  const parameters = randomAdapter(lora(...names), layers);
  const pattern = "decoder.*\\.EncDecAttention\\.(q|v)";
  const path = changed(folder.join("a"), { target_modules: pattern }, parameters);
  assert.deepEqual(readPeftAdapter(path, layers).config.targetModules, names);
  const refused: [string, RegExp][] = [
    [
      "EncDecAttention\\.(q|v)",
      /is "EncDecAttention.*, which matches none of the base's \d+ linear/,
    ],
    ["all-linear", /is "all-linear", which is not supported: PEFT itself saves the names/],
    ["(?P<x>q)", /is "\(\?P<x>q\)": as a regular expression it is Invalid.*list the names instead/],
    ["q\\Z", /as a regular expression it is Invalid/],
  ];
  for (const [target_modules, expected] of refused) {
    const bad = changed(folder.join("b"), { target_modules });
    assert.throws(() => readPeftAdapter(bad, layers), expected);
  }
});

Deno.test("rank-stabilised scaling is alpha / sqrt(r)", () => {
  using folder = new TemporaryFolder();
  const path = changed(folder.join("a"), { use_rslora: true });
  assert.ok(Math.abs(loraScaling(readPeftAdapter(path, layers).config) - 6 / Math.sqrt(3)) < 1e-12);
});

Deno.test("fields that ask for more than plain LoRA are refused by name, all of them at once", () => {
  using folder = new TemporaryFolder();
  const refused: Record<string, unknown> = {
    modules_to_save: ["classifier"],
    rank_pattern: { "layer.0": 8 },
    alpha_pattern: { q: 4 },
    use_dora: true,
    bias: "all",
    fan_in_fan_out: true,
    layers_to_transform: [0],
    exclude_modules: ["v"],
    trainable_token_indices: [3],
    init_lora_weights: "pissa",
  };
  for (const [field, value] of Object.entries(refused)) {
    const path = changed(folder.join("a"), { [field]: value });
    const text = `adapter_config.json: field "${field}" is ${
      JSON.stringify(value)
    }: not supported; expected null`;
    assert.throws(
      () => readPeftAdapter(path, layers),
      (error) => error instanceof InputError && error.message.includes(text),
      field,
    );
  }
  const path = changed(folder.join("a"), { ...refused, r: "3", peft_type: "LOHA" });
  assert.throws(() => readPeftAdapter(path, layers), (error: unknown) => {
    const { message } = error as Error;
    for (const field of [...Object.keys(refused), "r", "peft_type"]) {
      assert.ok(message.includes(`field "${field}" is `), `${field} in ${message}`);
    }
    return true;
  });
});

Deno.test("an adapter for another base is refused with what does not fit", () => {
  using folder = new TemporaryFolder();
  const path = changed(folder.join("a"), {});
  const wider = policyModel({ ...tinyT5, d_model: 16 }, "other").layers;
  assert.throws(
    () => readPeftAdapter(path, wider),
    /^InputError: Cannot use adapter .*adapter_model\.safetensors with this base model: 16 tensors have another shape \(first: "base_model\..*lora_A\.weight"\); ".*" is \[3, 12\], expected \[3, 16\]; it was made for another base/,
  );
  const deeper = policyModel({ ...tinyT5, num_decoder_layers: 4 }, "other").layers;
  assert.throws(
    () => readPeftAdapter(path, deeper),
    /8 tensors are missing \(first: "base_model\.model\.decoder\.block\.3\.layer\.0\.SelfAttention\.q\.l/,
  );
  const shallower = policyModel({ ...tinyT5, num_decoder_layers: 2 }, "other").layers;
  assert.throws(
    () => readPeftAdapter(path, shallower),
    /8 tensors belong to no target layer \(first: "base_model\.model\.decoder\.block\.2\.layer/,
  );
  const { layers: roberta } = classifierModel(tinyRoberta, "tiny");
  assert.throws(
    () => readPeftAdapter(path, roberta),
    /^InputError: Cannot use .*adapter_config\.json: targetModules "q", "v" are no linear layers of this base model; it has query, key, value, dense, out_proj/,
  );
  const other = changed(folder.join("b"), { r: 4, target_modules: ["q", "wi_0"] });
  assert.throws(
    () => readPeftAdapter(other, layers),
    /tensors are missing .*; 16 tensors belong to no target .*; 16 tensors have another shape .*expected \[4, 12\]/,
  );
});

Deno.test("missing files and a foreign value head are named", () => {
  using folder = new TemporaryFolder();
  assert.throws(() => readPeftAdapter(folder.join("none"), layers), /none\/adapter_config\.json/);
  mkdirSync(folder.join("a"));
  writeFileSync(
    folder.join("a", "adapter_config.json"),
    JSON.stringify({ peft_type: "LORA", r: 3, lora_alpha: 6, target_modules: ["q"] }),
  );
  assert.throws(
    () => readPeftAdapter(folder.join("a"), layers),
    /^InputError: Cannot read adapter .*\/a: it has no adapter_model\.safetensors and no adapter_model\.bin/,
  );
  const path = changed(folder.join("b"), {});
  const heads: [Record<string, Tensor>, RegExp][] = [
    [
      { [VALUE_HEAD_WEIGHT]: float32([12], Array(12).fill(0)) },
      /weight" is \[12\]; expected \[1, d_/,
    ],
    [{ [VALUE_HEAD_WEIGHT]: float32([1, 2], [0, 0]) }, /summary\.bias" is missing; expected \[1\]/],
    [
      {
        [VALUE_HEAD_WEIGHT]: float32([1, 2], [0, 0]),
        [VALUE_HEAD_BIAS]: float32([1], [0]),
        "v_head.more": float32([1], [0]),
      },
      /model\.safetensors: tensor "v_head\.more" is none of v_head\.summary\.weight, v_head\.summary/,
    ],
  ];
  for (const [tensors, expected] of heads) {
    writeSafetensors(`${path}/model.safetensors`, new Map(Object.entries(tensors)));
    assert.throws(
      () => readPeftAdapter(path, layers),
      (error) => error instanceof InputError && expected.test(error.message),
    );
  }
});

Deno.test("a LoRA without targets or rank is refused", () => {
  assert.throws(
    () => targetLayers(lora(), layers),
    /^InputError: .*targetModules is empty; it has q, k/,
  );
  assert.throws(
    () => targetLayers({ ...lora("q"), r: 0 }, layers),
    /LoRA with r 0: expected an integer/,
  );
  assert.throws(
    () => targetLayers(lora("q", "query", "key"), layers),
    /targetModules "query", "key" are no linear layers of this base model; it has q, k, v, o, wi_0, wi/,
  );
});
