import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { float32, InputError, type Tensor, writeSafetensors } from "@decorum/tensor";
import {
  initAdapter,
  initValueHead,
  type LoraConfig,
  loraScaling,
  mergeAdapter,
  openCheckpoint,
  readPeftAdapter,
  startingFrom,
  targetLayers,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  writePeftAdapter,
} from "./mod.ts";
import { classifierModel, policyModel } from "./families.ts";
import { layerScaling } from "./lora.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { lora, makeClassifier, randomAdapter, tinyRoberta, tinyT5 } from "./testing/tiny.ts";

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
  // Which layers it stands for is what the file shows: Python's own syntax is no matter.
  for (const target_modules of ["(?P<x>decoder).*\\.EncDecAttention\\.(q|v)\\Z", "all-linear"]) {
    const same = changed(folder.join("b"), { target_modules }, parameters);
    assert.deepEqual(readPeftAdapter(same, layers).config.targetModules, names);
  }
});

Deno.test("ranks and scales of single layers are PEFT's, and are written as PEFT reads them", () => {
  using folder = new TemporaryFolder();
  const own = {
    ...{ rankPattern: { "encoder.block.0.layer.0.SelfAttention.q": 1 } },
    ...{ alphaPattern: { "decoder.block.1.layer.1.EncDecAttention.v": 9 } },
  };
  const wanted = { ...config, ...own };
  const parameters = randomAdapter(wanted, layers);
  writePeftAdapter(folder.join("a"), { config: wanted, parameters });
  assert.deepEqual(readPeftAdapter(folder.join("a"), layers).config, wanted);

  // The first pattern that a name ends with counts, as in PEFT's get_pattern_key; named groups are Python's.
  const patterns = {
    rank_pattern: { "(?P<stack>encoder)\\.block\\.0.*\\.q": 1, q: 3 },
    alpha_pattern: { "1\\.layer\\.1\\.EncDecAttention\\.v": 9 },
  };
  const path = changed(folder.join("b"), patterns, parameters);
  assert.deepEqual(readPeftAdapter(path, layers).config, wanted);
  const scaled = changed(folder.join("c"), { ...patterns, use_rslora: true }, parameters);
  const { config: rslora } = readPeftAdapter(scaled, layers);
  const [q, v] = [Object.keys(own.rankPattern)[0]!, Object.keys(own.alphaPattern)[0]!];
  const near = (layer: string, expected: number) =>
    assert.ok(Math.abs(layerScaling(rslora, layer) - expected) < 1e-12);
  near(q, 6);
  near(v, 9 / Math.sqrt(3));
  near(v.replace(/v$/, "q"), 6 / Math.sqrt(3));

  const wrong = changed(folder.join("d"), { rank_pattern: { q: 2 } }, parameters);
  assert.throws(() => readPeftAdapter(wrong, layers), /is \[1, 12\], expected \[2, 12\]/);
  const bad = changed(folder.join("e"), { alpha_pattern: { "(?i)q": 2 } }, parameters);
  assert.throws(
    () => readPeftAdapter(bad, layers),
    /pattern "\(\?i\)q" of field "alpha_pattern" of .*: as a regular expression it is Invalid/,
  );
});

Deno.test("layers_to_transform and exclude_modules: the layers are those of the file", () => {
  using folder = new TemporaryFolder();
  const names = [...layers.keys()].filter((name) => /block\.0.*\.q$/.test(name));
  const parameters = randomAdapter(lora(...names), layers);
  for (
    const fields of [{ layers_to_transform: [0], layers_pattern: "block", target_modules: ["q"] }, {
      ...{ exclude_modules: ".*block\\.[12].*", target_modules: ["q"] },
    }]
  ) {
    const path = changed(folder.join("a"), fields, parameters);
    assert.deepEqual(readPeftAdapter(path, layers).config.targetModules, names);
  }
  // Where neither says so, layers that are not there are missing.
  const cut = changed(folder.join("a"), { target_modules: ["q"] }, parameters);
  assert.throws(() => readPeftAdapter(cut, layers), /tensors are missing/);
});

Deno.test("names that the base lacks are left out, as in PEFT, and one of them must be left", () => {
  using folder = new TemporaryFolder();
  const path = changed(folder.join("a"), { target_modules: ["q", "q_proj", "v"] });
  assert.deepEqual(readPeftAdapter(path, layers).config, config);
});

Deno.test("keys may hold the adapter's name, and the file a value head, as other programs write them", () => {
  using folder = new TemporaryFolder();
  const parameters = randomAdapter(config, layers);
  const valueHead = initValueHead(12);
  const path = changed(folder.join("a"), {});
  const file = `${path}/adapter_model.safetensors`;
  const named = (name: string) =>
    [...parameters].map(([key, value]) =>
      [key.replace(/weight$/, `${name}.weight`), value] as const
    );
  writeSafetensors(file, new Map([...named("default"), ...valueHead]));
  const read = readPeftAdapter(path, layers);
  assert.deepEqual({ ...read, parameters: new Map([...read.parameters].sort()) }, {
    config,
    parameters: new Map([...parameters].sort()),
    valueHead,
  });
  writeSafetensors(file, new Map([...named("a"), ...named("b")]));
  assert.throws(() => readPeftAdapter(path, layers), /it holds 2 adapters \("a", "b"\); save one/);
  writeSafetensors(file, new Map([...parameters].map(([key, x]) => [key.slice(17), x])));
  assert.throws(
    () => readPeftAdapter(path, layers),
    /none of its 32 tensors \(first: "decoder\.block/,
  );
});

Deno.test("whole modules beside LoRA are for a merge alone", () => {
  using folder = new TemporaryFolder();
  const model = makeClassifier(folder.join("base"));
  const { layers } = model.model;
  const heads = lora("query");
  const parameters = randomAdapter(heads, layers);
  writePeftAdapter(folder.join("a"), { config: heads, parameters });
  const saved = float32([3, 12], Array.from({ length: 36 }, (_, i) => i));
  const file = folder.join("a", "adapter_model.safetensors");
  const prefix = "base_model.model.classifier.";
  const configFile = folder.join("a", "adapter_config.json");
  const json = JSON.parse(readFileSync(configFile, "utf8"));
  writeFileSync(
    configFile,
    JSON.stringify({ ...json, modules_to_save: ["classifier", "score"], task_type: "SEQ_CLS" }),
  );
  for (
    const name of ["out_proj.weight", "modules_to_save.default.out_proj.weight"]
  ) {
    const original = [`${prefix}original_module.out_proj.weight`, float32([1], [1])] as const;
    writeSafetensors(file, new Map([...parameters, [prefix + name, saved], original]));
    assert.throws(
      () => readPeftAdapter(folder.join("a"), layers),
      /holds whole modules .*merge it/,
    );
    const adapter = readPeftAdapter(folder.join("a"), layers, { savedModules: true });
    assert.deepEqual([...adapter.savedModules!.keys()], ["classifier.out_proj.weight"]);
    mergeAdapter(model.folder, layers, adapter, folder.join("merged"));
    using merged = openCheckpoint(folder.join("merged"));
    assert.deepEqual(merged.read("classifier.out_proj.weight"), saved);
    assert.deepEqual(
      merged.read("classifier.dense.weight"),
      model.tensors.get("classifier.dense.weight"),
    );
  }
  writeSafetensors(file, new Map([...parameters, ["base_model.model.lm_head.weight", saved]]));
  assert.throws(
    () => readPeftAdapter(folder.join("a"), layers, { savedModules: true }),
    /1 tensors belong to no target layer \(first: "base_model\.model\.lm_head\.weight"\)/,
  );
});

Deno.test("saved modules are named by their ends, as in PEFT; layers inside them need no LoRA", () => {
  using folder = new TemporaryFolder();
  const model = makeClassifier(folder.join("model"));
  const { layers } = model.model;
  const heads = lora("query", "dense");
  const inside = (name: string) => name.includes("classifier.");
  const parameters = new Map(
    [...randomAdapter(heads, layers)].filter(([name]) => !inside(name)),
  );
  const path = folder.join("a");
  writePeftAdapter(path, { config: heads, parameters });
  const saved = float32([12], Array.from({ length: 12 }, (_, i) => i));
  const key = "roberta.encoder.layer.0.output.LayerNorm.bias";
  writeSafetensors(
    `${path}/adapter_model.safetensors`,
    new Map([...parameters, [`base_model.model.${key}`, saved]]),
  );
  const configFile = `${path}/adapter_config.json`;
  const json = JSON.parse(readFileSync(configFile, "utf8"));
  const read = (modules_to_save: string[]) => {
    writeFileSync(configFile, JSON.stringify({ ...json, modules_to_save }));
    return readPeftAdapter(path, layers, { savedModules: true });
  };
  const adapter = read(["classifier", "Norm"]);
  assert.deepEqual([...adapter.savedModules!], [[key, saved]]);
  const adapted = targetLayers(heads, layers).filter((name) => !inside(name));
  assert.deepEqual(adapter.config.targetModules, adapted);
  assert.throws(() => read(["Norm"]), /2 tensors are missing .*classifier\.dense\.lora_A/);
});

Deno.test("an adapter with a number that is not finite is refused by tensor", () => {
  using folder = new TemporaryFolder();
  for (const bad of [NaN, Infinity]) {
    const parameters = new Map(randomAdapter(config, layers));
    const [name, { dims, data }] = [...parameters][3]!;
    parameters.set(name, float32(dims, data.with(2, bad)));
    const path = changed(folder.join("a"), {}, parameters);
    assert.throws(
      () => readPeftAdapter(path, layers),
      (error) =>
        error instanceof InputError && error.message.includes(`"${name}" of ${path}/ad`) &&
        error.message.includes("its element 2 is NaN or infinite"),
    );
  }
});

Deno.test("a run that starts from an adapter has its layers, ranks and scales", () => {
  const names = { what: "trainer.lora", source: "adapters/x" };
  const layer = "encoder.block.0.layer.0.SelfAttention.q";
  const patterns = { rankPattern: { [layer]: 1 }, alphaPattern: { [layer]: 2 } };
  const asked = lora("q", "v");
  assert.deepEqual(startingFrom(asked, { ...asked, loraDropout: 0.5 }, layers, names), asked);
  assert.deepEqual(startingFrom(asked, { ...asked, ...patterns }, layers, names), {
    ...asked,
    ...patterns,
  });
  assert.deepEqual(startingFrom(asked, lora(layer), layers, names), lora(layer));
  for (const start of [{ ...asked, r: 4 }, { ...asked, loraAlpha: 1 }, lora("q"), lora("q", "k")]) {
    assert.throws(
      () => startingFrom(asked, start, layers, names),
      /^InputError: Cannot start from adapter adapters\/x: it has r .*, trainer\.lora says r 3, lora/,
    );
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
    use_dora: true,
    bias: "all",
    fan_in_fan_out: true,
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
    /none of its 32 tensors \(first: ".*"\) belongs to one of the base's 14 linear layers \(first: ".*query/,
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
