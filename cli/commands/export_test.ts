import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSft, type TrainedModel } from "@decorum/learning";
import {
  initAdapter,
  mergeAdapter,
  openPolicyModel,
  readPeftAdapter,
  writePeftAdapter,
} from "@decorum/models";
import { readSafetensors, writeSafetensors } from "@decorum/tensor";
import { runDecorum, succeed } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { echoRows, labelRows, tinyClassifier, tinyT5 } from "../testing/fixtures.ts";

const training = ["--lora-r", "2", "--steps", "3", "--learning-rate", "0.05", "--threads", "1"];

Deno.test("export: a merged T5 is the base with the adapter in it", async () => {
  using folder = new TemporaryFolder();
  const base = tinyT5(folder);
  const data = folder.jsonl("data.jsonl", echoRows(8));
  const columns = ["--prompt", "text", "--response", "answer"];
  await succeed([
    "sft",
    "--model",
    base,
    "--data",
    data,
    "--out",
    folder.join("run"),
    ...columns,
    ...training,
  ]);
  const adapter = folder.join("run", "adapter");
  const out = folder.join("merged");
  await succeed(["export", "--base", base, "--adapter", adapter, "--out", out]);
  const layers = openPolicyModel(base).layers;
  const { config: lora, parameters } = readPeftAdapter(adapter, layers);
  mergeAdapter(base, layers, { config: lora, parameters }, folder.join("expected"));
  for (const name of ["model.safetensors", "config.json", "tokenizer.json"]) {
    const expected = readFileSync(folder.join("expected", name));
    assert.ok(readFileSync(folder.join("merged", name)).equals(expected), name);
  }
  const options = { optimizer: { learningRate: 0 }, runtime: { intraOpThreads: 1 } };
  const sequences = [{ query: [3, 4, 1], response: [5, 1] }];
  const loss = async (
    more: { model: string } & Partial<TrainedModel>,
  ) => {
    await using trainer = await openSft({ ...options, ...more });
    return (await trainer.evaluate(sequences)).means["loss"]!;
  };
  const apart = await loss({ model: base, lora, adapter: parameters });
  const merged = await loss({ model: out });
  assert.ok(Math.abs(merged - apart) <= 1e-5, `${merged} and ${apart}`);
  assert.ok(Math.abs(merged - await loss({ model: base })) > 1e-3);
});

Deno.test("export: a saved copy of the shared table is refused, PEFT does not compute with it", async () => {
  using folder = new TemporaryFolder();
  const base = tinyT5(folder);
  const { layers } = openPolicyModel(base);
  const lora = { r: 2, loraAlpha: 4, loraDropout: 0, targetModules: ["q"] };
  const adapter = folder.join("adapter");
  writePeftAdapter(adapter, { config: lora, parameters: initAdapter(lora, layers, 1) });
  const weights = join(adapter, "adapter_model.safetensors");
  const table = readSafetensors(join(base, "model.safetensors")).get("shared.weight")!;
  writeSafetensors(
    weights,
    new Map([...readSafetensors(weights), ["base_model.model.shared.weight", table]]),
  );
  const file = join(adapter, "adapter_config.json");
  const json = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...json, modules_to_save: ["shared"] }));
  const out = folder.join("merged");
  const found = await runDecorum(["export", "--base", base, "--adapter", adapter, "--out", out]);
  assert.equal(found.code, 1);
  assert.match(
    found.stderr,
    /"modules_to_save" holds "shared\.weight", of which PEFT keeps a copy/,
  );
  assert.ok(!existsSync(out));
});

Deno.test("export: a classifier with its adapter as ONNX", async () => {
  using folder = new TemporaryFolder();
  const base = tinyClassifier(folder);
  const data = folder.jsonl("data.jsonl", labelRows(8));
  await succeed([
    "reward-train",
    "--model",
    base,
    "--data",
    data,
    "--out",
    folder.join("run"),
    ...training,
  ]);
  const adapter = folder.join("run", "adapter");
  const out = folder.join("onnx");
  await succeed(["export", "--base", base, "--adapter", adapter, "--onnx", "--out", out]);
  for (const name of ["onnx/model.onnx", "onnx/model.onnx_data", "config.json", "tokenizer.json"]) {
    assert.ok(existsSync(folder.join("onnx", name)), name);
  }
});

Deno.test("export: options, folders and models that do not fit", async () => {
  using folder = new TemporaryFolder();
  const base = tinyT5(folder);
  const bad = await runDecorum([
    "export",
    "--base",
    folder.join("none"),
    "--out",
    folder.join("x"),
  ]);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /--base is .*no such folder[^]*--adapter is missing/);
  const itself = await runDecorum(["export", "--base", base, "--onnx", "--out", base]);
  assert.match(itself.stderr, /this is the folder of --base/);
  const t5 = await runDecorum(["export", "--base", base, "--onnx", "--out", folder.join("x")]);
  assert.equal(t5.code, 1);
  assert.match(t5.stderr, /it is an encoder-decoder model, and --onnx is for classifiers/);
  const none = await runDecorum([
    "export",
    "--base",
    base,
    "--adapter",
    base,
    "--out",
    folder.join("x"),
  ]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /adapter_config\.json/);
});
