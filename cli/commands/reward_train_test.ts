import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openClassifier } from "@decorum/models";
import { TextClassifier } from "@decorum/scoring";
import { float32, readJson, readSafetensors, writeSafetensors } from "@decorum/tensor";
import { runDecorum, succeed } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { classifierConfig, labelRows, tinyClassifier, tinyT5 } from "../testing/fixtures.ts";

Deno.test("reward-train: from random weights, classes are learned, by their names", async () => {
  using folder = new TemporaryFolder();
  const config = classifierConfig(folder.join("start"));
  const data = folder.jsonl("data.jsonl", labelRows(54));
  const { stdout, stderr } = await succeed([
    ...["reward-train", "--init-config", config, "--data", data, "--eval-fraction", "0.3"],
    ...["--out", folder.join("run"), "--steps", "60", "--learning-rate", "0.005", "--threads", "1"],
  ]);
  const lines = folder.lines("run", "metrics.jsonl");
  const { eval_loss: loss, accuracy } = lines.at(-1)!;
  assert.ok(loss! < lines[0]!["loss"]! / 2, `${lines[0]!["loss"]} -> ${loss}`);
  assert.ok(accuracy! >= 0.9, `accuracy ${accuracy}`);
  assert.match(stdout, /Eval loss [\d.]+ over \d+ texts, accuracy (9\d|100)\.\d %/);
  assert.match(stderr, /reward-train 60\/60 {2}left 0:00 {2}loss/);
  const model = folder.join("run", "model");
  assert.deepEqual(openClassifier(model).config.labels, ["colour", "number"]);
});

Deno.test("reward-train: the preferred text of a pair gets the higher score", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const [kind, unkind] = ["red one two", "two red blue"];
  const rows = Array.from({ length: 8 }, () => ({ q: "green", good: kind, bad: unkind }));
  const { stdout } = await succeed([
    ...["reward-train", "--objective", "pairs", "--model", model, "--out", folder.join("run")],
    ...["--data", folder.jsonl("pairs.jsonl", rows), "--eval-data", folder.join("pairs.jsonl")],
    ...["--query", "q", "--chosen", "good", "--rejected", "bad", "--score-label", "number"],
    ...["--steps", "15", "--learning-rate", "0.01", "--threads", "1"],
  ]);
  assert.match(stdout, /over 8 pairs, accuracy 100\.0 %/);
  await using classifier = await TextClassifier.load(folder.join("run", "model"));
  const encode = (response: string) =>
    classifier.encode({ query: "green", response }, { truncate: false }, "");
  const [good, bad] = await classifier.logits([encode(kind), encode(unkind)]);
  assert.ok(good![1]! > bad![1]! + 1, `${good} and ${bad}`);
});

Deno.test("reward-train: a base model gets a new head for the classes of the data, and says so", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const tensors = readSafetensors(join(model, "model.safetensors"));
  const { id2label: _, ...config } = readJson(join(model, "config.json"));
  writeFileSync(
    join(model, "config.json"),
    JSON.stringify({ ...config, architectures: ["RobertaModel"] }),
  );
  const base = [...tensors].filter(([key]) => key.startsWith("roberta."));
  writeSafetensors(join(model, "model.safetensors"), new Map(base));
  const score = await runDecorum(["score", "--model", model, "a text"]);
  assert.equal(score.code, 1);
  assert.match(score.stderr, /no classifier head \(classifier\.dense\.weight\).*reward-train/);
  const { stderr } = await succeed([
    ...["reward-train", "--model", model, "--data", folder.jsonl("data.jsonl", labelRows(54))],
    ...["--out", folder.join("run"), "--steps", "3", "--threads", "1"],
  ]);
  assert.match(
    stderr,
    /without a classifier head: a new one for "colour", "number" starts at random/,
  );
  assert.deepEqual(openClassifier(folder.join("run", "model")).config.labels, ["colour", "number"]);
});

Deno.test("a weight that is not a number is refused by name, by every command that reads it", async () => {
  using folder = new TemporaryFolder();
  const [classifier, policy] = [tinyClassifier(folder), tinyT5(folder)];
  for (const model of [classifier, policy]) {
    const file = join(model, "model.safetensors");
    const tensors = readSafetensors(file);
    const [name, { dims, data }] = [...tensors].find(([key]) => /[Nn]orm\.weight$/.test(key))!;
    tensors.set(name, float32(dims, (data as Float32Array).with(1, NaN)));
    writeSafetensors(file, tensors);
  }
  const data = folder.jsonl("data.jsonl", labelRows(54));
  const out = ["--out", folder.join("out")];
  for (
    const command of [
      ["score", "--model", classifier, "a text"],
      ["export", "--base", classifier, "--onnx", ...out],
      ["reward-train", "--model", classifier, "--data", data, ...out],
      ["sft", "--model", policy, "--data", data, "--prompt", "text", "--response", "label", ...out],
    ]
  ) {
    const { code, stderr } = await runDecorum(command);
    assert.equal(code, 1, command[0]!);
    assert.match(stderr, /[Nn]orm\.weight" of .*: its element 1 is NaN or infinite/, command[0]!);
  }
});

Deno.test("reward-train: wrong labels, columns, objectives and lengths", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const rows = [...labelRows(3), { text: "red", label: "angry" }, { text: "one", label: "0" }];
  const data = folder.jsonl("data.jsonl", rows);
  const base = ["reward-train", "--model", model, "--out", folder.join("run"), "--data", data];
  const expectations: [string[], number, RegExp][] = [
    [
      [],
      1,
      /2 of 5 rows have a label that the model lacks \(first: row 4, "angry"\); its labels are "colour", "number"/,
    ],
    [["--label", "class"], 2, /--label is "class".*the columns are "text", "label"/],
    [["--objective", "pairs"], 2, /--chosen is "chosen"[^]*--rejected is "rejected"/],
    [
      ["--objective", "pairs", "--label", "label"],
      2,
      /--label does not belong to --objective pairs/,
    ],
    [["--max-tokens", "99"], 2, /--max-tokens is 99: the model takes at most 32/],
    [
      ["--objective", "pairs", "--chosen", "text", "--rejected", "text", "--score-label", "rude"],
      2,
      /--score-label is "rude": the model's labels are "colour", "number"/,
    ],
  ];
  for (const [args, code, message] of expectations) {
    const ended = await runDecorum([...base, ...args]);
    assert.match(ended.stderr, message);
    assert.equal(ended.code, code, ended.stderr);
  }
});
