import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  initClassifier,
  initPolicyModel,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
} from "./mod.ts";
import { robertaJson } from "@decorum/testing/training";
import { TinyClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { t5Json, TinyT5 } from "@decorum/testing/t5";

function deviation(values: ArrayLike<number>): number {
  const data = Array.from(values);
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  return Math.sqrt(data.reduce((s, x) => s + (x - mean) ** 2, 0) / data.length);
}

// Deviations by transformers' T5PreTrainedModel._init_weights.
Deno.test("a T5 begins with transformers' deviations", () => {
  using folder = new TinyT5({ json: { d_model: 64, d_ff: 128, d_kv: 32, vocab_size: 200 } });
  using checkpoint = openCheckpoint(folder.model);
  const near = (key: string, expected: number) => {
    const found = deviation(checkpoint.read(key).data as Float32Array);
    assert.ok(Math.abs(found / expected - 1) < 0.05, `${key}: ${found}, expected ${expected}`);
  };
  near("shared.weight", 1);
  near("lm_head.weight", 1);
  near("encoder.block.0.layer.0.SelfAttention.q.weight", (64 * 32) ** -0.5);
  near("decoder.block.1.layer.1.EncDecAttention.k.weight", 64 ** -0.5);
  near("decoder.block.1.layer.1.EncDecAttention.o.weight", (3 * 32) ** -0.5);
  near("encoder.block.1.layer.1.DenseReluDense.wi_1.weight", 64 ** -0.5);
  near("encoder.block.1.layer.1.DenseReluDense.wo.weight", 128 ** -0.5);
  const norm = checkpoint.read("decoder.final_layer_norm.weight").data as Float32Array;
  assert.ok(norm.every((x) => x === 1));
  assert.equal(openPolicyModel(folder.model).config.hidden_size, 64);
});

Deno.test("a tied T5 has no head of its own; the same seed gives the same file, another one another", () => {
  using a = new TinyT5({ json: { tie_word_embeddings: true } });
  using b = new TinyT5({ json: { tie_word_embeddings: true } });
  using c = new TinyT5({ json: { tie_word_embeddings: true }, seed: 9 });
  using checkpoint = openCheckpoint(a.model);
  assert.ok(!checkpoint.has("lm_head.weight"));
  const bytes = (model: string) => readFileSync(join(model, "model.safetensors"));
  assert.ok(bytes(a.model).equals(bytes(b.model)));
  assert.ok(!bytes(a.model).equals(bytes(c.model)));
});

Deno.test("a classifier begins with zero biases, unit norms and a zero padding row", () => {
  for (const type of ["roberta", "bert"]) {
    using folder = new TinyClassifier({ json: { ...robertaJson, model_type: type }, seed: 2 });
    using checkpoint = openCheckpoint(folder.model);
    assert.deepEqual(openClassifier(folder.model).config.labels, ["nothate", "hate"]);
    const read = (key: string) => checkpoint.read(key).data as Float32Array;
    assert.ok(read(`${type}.embeddings.LayerNorm.weight`).every((x) => x === 1));
    assert.ok(read(`${type}.encoder.layer.1.output.dense.bias`).every((x) => x === 0));
    const words = read(`${type}.embeddings.word_embeddings.weight`);
    assert.ok(words.subarray(16, 32).every((x) => x === 0));
    assert.ok(Math.abs(deviation(words) - 0.3) < 0.03);
    assert.ok(read(`${type}.embeddings.token_type_embeddings.weight`).length === 16);
  }
});

Deno.test("tokenizer files are copied, weights are not", () => {
  using folder = new TemporaryFolder();
  writeFileSync(join(folder.path, "tokenizer.json"), "{}");
  writeFileSync(join(folder.path, "pytorch_model.bin"), "old");
  const out = join(folder.path, "out");
  initPolicyModel(out, t5Json, { seed: 1, tokenizerOf: folder.path });
  assert.deepEqual(readdirSync(out).sort(), ["config.json", "model.safetensors", "tokenizer.json"]);
});

Deno.test("what a config lacks is named", () => {
  using folder = new TemporaryFolder();
  const { d_ff: _, ...withoutFf } = t5Json;
  assert.throws(
    () => initPolicyModel(join(folder.path, "a"), withoutFf, { seed: 1 }),
    /"d_ff" is missing/,
  );
  assert.throws(
    () =>
      initPolicyModel(join(folder.path, "a"), { ...t5Json, initializer_factor: "1" }, { seed: 1 }),
    /"initializer_factor" is "1"/,
  );
  assert.throws(
    () => initClassifier(join(folder.path, "a"), { ...robertaJson, model_type: "t5" }, { seed: 1 }),
    /"model_type" is "t5"/,
  );
  assert.deepEqual(readdirSync(folder.path), []);
});
