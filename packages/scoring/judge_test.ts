import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { JudgeThread } from "./judge_thread.ts";
import { exportClassifierOnnx, Judge, TextClassifier } from "./mod.ts";
import { LABELS, POSITIONS, writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { withFailingThreads } from "@decorum/testing/worker";

const runtime = { intraOpThreads: 1 };
const texts = [
  ...["you fool", "", "The cat sat.", "is the\nmat 42 héé?", "you you you the end!"],
  // Special tokens in a text: of RoBERTa those of padding have a position of their own.
  ...[
    "you <pad> fool",
    "<pad> <pad> <pad> thank you",
    "<s> you </s> <mask>",
    "[PAD] you [SEP] [MASK]",
  ],
];

for (
  const [type, json] of [["roberta", {}], ["roberta", { pad_token_id: 0 }], ["bert", {}]] as const
) {
  const name = `${type} ${JSON.stringify(json)}`;
  Deno.test(`Transformers.js and the project's own engine agree within 1e-4: ${name}`, async () => {
    using folder = new TemporaryFolder();
    const model = writeClassifier(folder.join("model"), { type, json });
    exportClassifierOnnx(model, folder.join("onnx"));
    await using classifier = await TextClassifier.load(model, { runtime });
    using judge = await Judge.load(folder.join("onnx"), { threads: 1 });
    assert.deepEqual(judge.labels, LABELS);
    const items = texts.map((response) => classifier.encode({ response }, { truncate: false }, ""));
    const own = await classifier.logits(items);
    const { judgements, cut } = await judge.judge(texts);
    assert.equal(cut, 0);
    const spread = Math.max(...own.map((row) => row[0]!)) - Math.min(...own.map((row) => row[0]!));
    assert.ok(spread > 0.1, "the texts' logits differ");
    for (const [i, { logits, probabilities }] of judgements.entries()) {
      assert.equal(logits.length, LABELS.length);
      for (const [j, logit] of logits.entries()) {
        const found = Math.abs(logit - own[i]![j]!);
        assert.ok(found <= 1e-4, `text ${i}, label ${j}: the logits differ by ${found}`);
      }
      assert.ok(Math.abs(probabilities.reduce((sum, p) => sum + p, 0) - 1) < 1e-9);
    }
  });
}

Deno.test("a judge cuts what its model cannot take, and says how much", async () => {
  using folder = new TemporaryFolder();
  const model = writeClassifier(folder.join("model"));
  exportClassifierOnnx(model, folder.join("onnx"));
  await using classifier = await TextClassifier.load(model, { runtime });
  using judge = await Judge.load(folder.join("onnx"), { threads: 1 });
  const response = "b".repeat(POSITIONS + 5);
  const { judgements, cut } = await judge.judge([response]);
  const item = classifier.encode({ response }, { truncate: true }, "");
  assert.equal(cut, 7);
  assert.equal(item.truncated, 7);
  const [own] = await classifier.logits([item]);
  assert.ok(Math.abs(own![1]! - judgements[0]!.logits[1]!) <= 1e-4);
  assert.deepEqual(await judge.judge([]), { judgements: [], cut: 0 });
});

Deno.test("a judge's errors name folder, file, label and thread", async () => {
  using folder = new TemporaryFolder();
  const model = writeClassifier(folder.join("model"));
  await assert.rejects(Judge.load(model), /it has no onnx\/model\.onnx; write such a folder with/);
  exportClassifierOnnx(model, folder.join("onnx"));
  const judge = await Judge.load(folder.join("onnx"), { threads: 1 });
  assert.match(judge.version, /^[0-9a-f]{64}$/);
  assert.equal(judge.labelIndex("unsure"), 2);
  assert.throws(() => judge.labelIndex("Hate"), /"Hate": the labels of .* are "nothate", "hate"/);
  judge.terminate();
  await assert.rejects(judge.judge(["a"]), /its thread has ended: it was terminated/);
  writeFileSync(folder.join("onnx", "onnx", "model.onnx"), "not a model");
  await assert.rejects(Judge.load(folder.join("onnx")), /Cannot load the judge .*onnx: /);
});

Deno.test("an export replaces its like, and nothing else", () => {
  using folder = new TemporaryFolder();
  const model = writeClassifier(folder.join("model"));
  const out = folder.join("onnx");
  exportClassifierOnnx(model, out);
  exportClassifierOnnx(model, out);
  assert.ok(existsSync(folder.join("onnx", "onnx", "model.onnx_data")));
  const config = JSON.parse(readFileSync(folder.join("onnx", "config.json"), "utf8"));
  assert.deepEqual(config["transformers.js_config"], {
    use_external_data_format: { "model.onnx": 1 },
  });
  assert.throws(() => exportClassifierOnnx(model, model), /to itself: name another folder/);
  const other = writeClassifier(folder.join("other"));
  assert.throws(() => exportClassifierOnnx(model, other), /other files/);
});

Deno.test("a thread that failed fails its call, and the next one finds a new thread", async () => {
  using folder = new TemporaryFolder();
  exportClassifierOnnx(writeClassifier(folder.join("model")), folder.join("onnx"));
  await withFailingThreads(async () => {
    const thread = new JudgeThread(folder.join("onnx"));
    const call = () => thread.call({ kind: "run", texts: ["a"] });
    await assert.rejects(call(), /has ended: .*the thread failed/);
    assert.equal(thread.alive, false);
    await assert.rejects(call(), /has ended/);
  });
  using judge = await Judge.load(folder.join("onnx"), { threads: 1 });
  const { judgements } = await judge.judge(texts);
  judge.thread.terminate();
  assert.deepEqual((await judge.judge(texts)).judgements, judgements);
});
