import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Adapter,
  adapterShapes,
  initClassifier,
  initPolicyModel,
  type LinearLayers,
  type LoraConfig,
  loraScaling,
  mergeAdapter,
  openClassifier,
  openPolicyModel,
  readPeftAdapter,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  writePeftAdapter,
} from "@decorum/models";
import {
  castTensor,
  float32,
  int64,
  normals,
  randomKey,
  readSafetensors,
  type Tensor,
  tensor,
  writeSafetensors,
} from "@decorum/tensor";
import { classifierOutputs, t5Outputs } from "./outputs.ts";
import { runPython } from "./run_python.ts";

const golden = join(dirname(fileURLToPath(import.meta.url)), "..", "golden");
const flan = join(golden, "t5_forward_flan", "model");
const v10 = join(golden, "t5_forward_v10", "model");
const roberta = join(golden, "roberta_classify", "model");
const bert = join(golden, "bert_classify", "model");
const inputsOf = (model: string) => join(dirname(model), "inputs.safetensors");

const t5Layers = (folder: string) => openPolicyModel(folder).layers;
const robertaLayers = openClassifier(roberta).layers;

const all: LoraConfig = {
  r: 3,
  loraAlpha: 5,
  loraDropout: 0.05,
  targetModules: ["q", "k", "v", "o", "wi_0", "wi_1", "wo"],
};
const heads: LoraConfig = { ...all, targetModules: ["query", "value", "dense"] };

function gaussian(name: string, dims: readonly number[], std: number): Tensor<"float32"> {
  const count = dims.reduce((n, d) => n * d, 1);
  return float32(dims, normals(randomKey(7, name), 0, count).map((x) => x * std));
}

function randomAdapter(config: LoraConfig, layers: LinearLayers): Adapter {
  const shapes = [...adapterShapes(config, layers)];
  return new Map(shapes.map(([name, dims]) => [name, gaussian(name, dims, 0.15)]));
}

const everyType = new Map<string, Tensor>([
  ["float32", gaussian("f32", [3, 5], 1)],
  ["float16", castTensor(gaussian("f16", [7], 1), "float16")],
  ["bfloat16", castTensor(gaussian("bf16", [2, 2], 1), "bfloat16")],
  ["float64", castTensor(gaussian("f64", [1, 3], 1), "float64")],
  ["int64", int64([2], [-(2 ** 40), 3])],
  ["bool", tensor("bool", [3], Uint8Array.of(1, 0, 1))],
  ["scalar", float32([], [2.5])],
  ["empty", float32([0, 3], [])],
]);

/** What one of the scripts printed. */
type Printed = Readonly<Record<string, unknown>>;

/** The largest difference of a float32 tensor of ours from theirs; both are demanded to be finite. */
function difference(ours: Tensor | undefined, theirs: Tensor | undefined): number {
  const [a, b] = [ours as Tensor<"float32">, theirs as Tensor<"float32">];
  assert.deepEqual([a.dtype, b.dtype], ["float32", "float32"]);
  assert.equal(a.data.length, b.data.length);
  return a.data.reduce((worst, x, i) => {
    assert.ok(Number.isFinite(x) && Number.isFinite(b.data[i]));
    return Math.max(worst, Math.abs(x - b.data[i]!));
  }, 0);
}

const TOLERANCE = 1e-4; // float32 logits of order 10 after five layers, summed in another order

Deno.test("models and adapters pass between transformers, PEFT, TRL and us", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-interop-"));
  const path = (name: string) => join(folder, name);
  try {
    const ours = { config: all, parameters: randomAdapter(all, t5Layers(flan)) };
    const valueHead = new Map([
      [VALUE_HEAD_WEIGHT, gaussian("value", [1, 32], 0.2)],
      [VALUE_HEAD_BIAS, float32([1], [0.3])],
    ]);
    writePeftAdapter(path("ours"), ours, { base: flan });
    writePeftAdapter(path("headed"), { ...ours, valueHead }, { base: flan });
    const classifier = { config: heads, parameters: randomAdapter(heads, robertaLayers) };
    writePeftAdapter(path("ours_roberta"), classifier);
    mergeAdapter(flan, t5Layers(flan), ours, path("merged"));
    mergeAdapter(roberta, robertaLayers, classifier, path("merged_roberta"));
    initPolicyModel(path("init_t5"), JSON.parse(readFileSync(join(v10, "config.json"), "utf8")), {
      seed: 1,
    });
    const bertJson = JSON.parse(readFileSync(join(bert, "config.json"), "utf8"));
    initClassifier(path("init_bert"), { ...bertJson, initializer_range: 0.3 }, { seed: 1 });
    writeSafetensors(path("types.safetensors"), everyType, { format: "pt" });

    const inputs = (model: string) => ["--inputs", inputsOf(model)];
    const logits = (name: string, model: string) => [
      ...["transformers_logits.py", "--model", path(name), ...inputs(model)],
      ...["--out", path(`${name}.out`)],
    ];
    const load = (name: string, model: string) => [
      ...["peft_roundtrip.py", "load", "--base", model, "--adapter", path(name), ...inputs(model)],
      ...["--out", path(`${name}.out`)],
    ];
    const make = (name: string, model: string, ...options: string[]) => [
      ...["peft_roundtrip.py", "make", "--base", model, "--out", path(name), ...inputs(model)],
      ...["--outputs", path(`${name}.out`), "--r", "3", "--alpha", "5", ...options],
    ];
    const bin = (name: string, model: string) => [
      ...["torch_bin.py", "--model", model, "--out", path(name), ...inputs(model)],
      ...["--outputs", path(`${name}.out`)],
    ];
    const pattern = "decoder\\..*\\.(Self|EncDec)Attention\\.(q|o)";
    const jobs: Record<string, string[]> = {
      merged: logits("merged", flan),
      merged_roberta: logits("merged_roberta", roberta),
      init_t5: logits("init_t5", v10),
      init_bert: logits("init_bert", bert),
      ours: load("ours", flan),
      ours_roberta: load("ours_roberta", roberta),
      theirs: make("theirs", flan, "--targets", all.targetModules.join(",")),
      theirs_pattern: make("theirs_pattern", v10, "--pattern", pattern, "--rslora"),
      theirs_roberta: make("theirs_roberta", roberta, "--targets", "query,value,dense", "--bin"),
      bin_v10: bin("bin_v10", v10),
      bin_roberta: bin("bin_roberta", roberta),
      types: ["safetensors_check.py", path("types.safetensors")],
      trl: [
        ...["trl_value_head.py", "--adapter", path("headed"), "--out", path("trl")],
        ...[...inputs(flan), "--outputs", path("headed.out")],
      ],
    };
    const list = await runPython("several.py", [JSON.stringify(Object.values(jobs))]);
    const printed = Object.fromEntries(
      Object.keys(jobs).map((name, i) => [name, (list as Printed[])[i]!]),
    );
    const theirs = (name: string) => readSafetensors(path(`${name}.out`));
    const given = (model: string) => readSafetensors(inputsOf(model));
    const cacheDir = path("cache");

    for (const [name, model] of [["merged", flan], ["init_t5", v10], ["bin_v10", v10]] as const) {
      await t.step(`${name}: transformers and we get equal logits of one T5 folder`, async () => {
        if (name !== "bin_v10") {
          assert.deepEqual([printed[name]!["missing_keys"], printed[name]!["unexpected_keys"]], [
            [],
            [],
          ]);
        }
        const { logits } = await t5Outputs(path(name), given(model), { cacheDir });
        assert.ok(difference(logits, theirs(name).get("logits")) < TOLERANCE);
      });
    }

    const classifiers = [
      ["merged_roberta", roberta],
      ["init_bert", bert],
      ["bin_roberta", roberta],
    ] as const;
    for (const [name, model] of classifiers) {
      await t.step(`${name}: transformers and we get equal logits of one classifier`, async () => {
        const { logits } = await classifierOutputs(path(name), given(model), { cacheDir });
        assert.ok(difference(logits, theirs(name).get("logits")) < TOLERANCE);
      });
    }

    await t.step("the .bin folders hold what older ones do", () => {
      const t5 = printed["bin_v10"]!["keys"] as string[];
      for (const key of ["shared", "encoder.embed_tokens", "decoder.embed_tokens", "lm_head"]) {
        assert.ok(t5.includes(`${key}.weight`), key);
      }
      const keys = printed["bin_roberta"]!["keys"] as string[];
      assert.ok(keys.includes("roberta.embeddings.position_ids"));
    });

    await t.step(
      "PEFT loads our T5 adapter, key for key, and gets our logits and the merged ones",
      async () => {
        const { r, lora_alpha, target_modules, task_type, keys } = printed["ours"]!;
        assert.deepEqual([r, lora_alpha, task_type], [3, 5, null]);
        assert.deepEqual(target_modules, [...all.targetModules].sort());
        assert.deepEqual(keys, [...ours.parameters.keys()].sort());
        const { logits } = await t5Outputs(flan, given(flan), { adapter: path("ours") });
        assert.ok(difference(logits, theirs("ours").get("logits")) < TOLERANCE);
        assert.ok(difference(logits, theirs("merged").get("logits")) < TOLERANCE);
        const { logits: base } = await t5Outputs(flan, given(flan));
        assert.ok(difference(base, logits) > 0.1, "the adapter matters");
      },
    );

    await t.step(
      "PEFT loads our classifier's adapter and gets our logits and the merged ones",
      async () => {
        const { keys } = printed["ours_roberta"]!;
        assert.deepEqual(keys, [...classifier.parameters.keys()].sort());
        const adapter = path("ours_roberta");
        const { logits } = await classifierOutputs(roberta, given(roberta), { adapter });
        assert.ok(difference(logits, theirs("ours_roberta").get("logits")) < TOLERANCE);
        assert.ok(difference(logits, theirs("merged_roberta").get("logits")) < TOLERANCE);
      },
    );

    await t.step(
      "we load PEFT's T5 adapter, whose keys are those we write for its config",
      async () => {
        const adapter = readPeftAdapter(path("theirs"), t5Layers(flan));
        assert.deepEqual([...adapter.config.targetModules].sort(), [...all.targetModules].sort());
        assert.deepEqual(
          printed["theirs"]!["keys"],
          [...adapterShapes(all, t5Layers(flan)).keys()].sort(),
        );
        assert.deepEqual([...adapter.parameters.keys()].sort(), printed["theirs"]!["keys"]);
        const { logits } = await t5Outputs(flan, given(flan), { adapter: path("theirs") });
        assert.ok(difference(logits, theirs("theirs").get("logits")) < TOLERANCE);
      },
    );

    await t.step(
      "we load PEFT's adapter of a regular expression with rank-stabilised scaling",
      async () => {
        const { config } = readPeftAdapter(path("theirs_pattern"), t5Layers(v10));
        assert.equal(config.targetModules.length, 3 * 2 * 2);
        assert.ok(Math.abs(loraScaling(config) - 5 / Math.sqrt(3)) < 1e-12);
        const { logits } = await t5Outputs(v10, given(v10), { adapter: path("theirs_pattern") });
        assert.ok(difference(logits, theirs("theirs_pattern").get("logits")) < TOLERANCE);
      },
    );

    await t.step("we load PEFT's adapter of a classifier, an adapter_model.bin", async () => {
      const adapter = path("theirs_roberta");
      assert.ok(existsSync(join(adapter, "adapter_model.bin")));
      const { logits } = await classifierOutputs(roberta, given(roberta), { adapter });
      assert.ok(difference(logits, theirs("theirs_roberta").get("logits")) < TOLERANCE);
    });

    await t.step("TRL finds our adapter and value head, and we find what it writes", async () => {
      assert.equal(printed["trl"]!["is_peft_model"], true);
      const found = await t5Outputs(flan, given(flan), { adapter: path("headed") });
      assert.ok(difference(found["logits"], theirs("headed").get("logits")) < TOLERANCE);
      assert.ok(difference(found["values"], theirs("headed").get("values")) < TOLERANCE);
      const back = readPeftAdapter(path("trl"), t5Layers(flan));
      assert.deepEqual(back.valueHead, valueHead);
      assert.deepEqual(new Map([...back.parameters].sort()), new Map([...ours.parameters].sort()));
    });

    await t.step("the reference library reads every type of our safetensors", () => {
      const { tensors, metadata } = printed["types"] as {
        tensors: Record<string, { dtype: string; shape: number[]; sha256: string }>;
        metadata: Record<string, string>;
      };
      assert.deepEqual(metadata, { format: "pt" });
      assert.deepEqual(Object.keys(tensors).sort(), [...everyType.keys()].sort());
      for (const [name, { dims, data }] of everyType) {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        assert.deepEqual([tensors[name]!.shape, tensors[name]!.sha256], [dims, sha256], name);
      }
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
