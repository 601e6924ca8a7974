import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { castTensor, float32, readJson } from "@decorum/tensor";
import { openCheckpoint, writeModelFolder } from "@decorum/models";
import { runDecorum, startDecorum, succeed } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { echoRows, tinyClassifier, tinyT5 } from "../testing/fixtures.ts";

/** The same two answers to prompts of three words. */
function pairRows(count: number) {
  return echoRows(count).map(({ text }) => ({
    prompt: `Repeat: ${text}`,
    chosen: "one two",
    rejected: "red",
  }));
}

Deno.test("dpo: preferences are learned, from the text of messages too", async () => {
  using folder = new TemporaryFolder();
  const model = tinyT5(folder);
  const rows = pairRows(40);
  const messages = rows.map(({ prompt, chosen, rejected }) => {
    const conversation = (content: string) => [
      { role: "user", content: prompt },
      { role: "assistant", content },
    ];
    return { chosen: conversation(chosen), rejected: conversation(rejected) };
  });
  const run = async (name: string, data: unknown[]) => {
    const { stdout } = await succeed([
      ...["dpo", "--model", model, "--data", folder.jsonl(`${name}.jsonl`, data)],
      ...["--eval-fraction", "0.2", "--out", folder.join(name), "--steps", "30"],
      ...["--lora-r", "4", "--learning-rate", "0.02", "--beta", "0.5", "--threads", "1"],
    ]);
    return { stdout, lines: folder.lines(name, "metrics.jsonl") };
  };
  const plain = await run("plain", rows);
  const first = plain.lines[0]!;
  assert.ok(Math.abs(first["loss"]! - Math.log(2)) < 1e-5);
  const last = plain.lines.at(-1)!;
  assert.ok(last["eval_loss"]! < 0.6, `${last["eval_loss"]}`);
  assert.match(plain.stdout, /Eval loss [\d.]+ over \d+ pairs, accuracy \d+\.\d %/);
  for (
    const name of [
      ...["rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins"],
      ...["logps/chosen", "logps/rejected"],
    ]
  ) assert.ok(Number.isFinite(first[name]) && Number.isFinite(last[name]), name);
  await run("messages", messages);
  const adapter = (name: string) =>
    readFileSync(folder.join(name, "adapter", "adapter_model.safetensors"));
  assert.ok(adapter("messages").equals(adapter("plain")));
});

Deno.test("dpo: from an adapter, stopped and resumed, it ends as a run that was not, bit for bit", async () => {
  using folder = new TemporaryFolder();
  const model = tinyT5(folder);
  const data = folder.jsonl("pairs.jsonl", pairRows(30));
  const shared = ["dpo", "--model", model, "--data", data, "--batch-size", "4", "--threads", "1"];
  await succeed([...shared, "--out", folder.join("start"), "--steps", "3", "--lora-r", "2"]);
  const run = (out: string) => [
    ...[...shared, "--out", folder.join(out), "--steps", "300", "--lora-dropout", "0.1"],
    ...["--adapter", folder.join("start", "adapter"), "--checkpoint-every", "5"],
  ];
  await succeed(run("whole"));
  const child = startDecorum(run("cut"));
  const metrics = folder.join("cut", "metrics.jsonl");
  await child.until(() => existsSync(metrics) && folder.lines("cut", "metrics.jsonl").length >= 7);
  child.kill("SIGINT");
  const { code, stderr } = await child.ended;
  assert.equal(code, 130, stderr);
  const other = await runDecorum([...run("cut"), "--resume", "--beta", "0.2"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /--beta is 0.2: the run in .* has 0.1/);
  await succeed([...run("cut"), "--resume"]);
  const adapter = (name: string) =>
    readFileSync(folder.join(name, "adapter", "adapter_model.safetensors"));
  assert.ok(adapter("cut").equals(adapter("whole")));
  assert.ok(!adapter("whole").equals(adapter("start")));
});

Deno.test("dpo: options and columns that do not fit", async () => {
  using folder = new TemporaryFolder();
  const model = tinyT5(folder);
  const data = folder.jsonl("pairs.jsonl", [{ question: "red", chosen: "one", rejected: "two" }]);
  const base = ["dpo", "--model", model, "--data", data, "--out", folder.join("run")];
  const expectations: [string[], RegExp][] = [
    [[], /--prompt is "prompt".*not a column; the columns are "question", "chosen", "rejected"/],
    [["--beta", "0"], /--beta is "0": expected a number above 0/],
    [
      ["--adapter", folder.join("t5"), "--lora-r", "2", "--full"],
      /--adapter and --lora-r were both given[^]*--adapter and --full were both given/,
    ],
    [["--prompt", "question"], /--batch-size is 8: there is 1 example to train on/],
  ];
  for (const [args, message] of expectations) {
    const ended = await runDecorum([...base, ...args]);
    assert.match(ended.stderr, message);
    assert.equal(ended.code, 2, ended.stderr);
  }
});

Deno.test("sft, reward-train and dpo name a weight that is not a number, and fail", async () => {
  using folder = new TemporaryFolder();
  const broken = (model: string, key: string) => {
    using checkpoint = openCheckpoint(model);
    const tensors = new Map(
      checkpoint.keys().map((name) => [name, castTensor(checkpoint.read(name), "float32")]),
    );
    const { dims, data } = tensors.get(key)!;
    tensors.set(key, float32(dims, data.map((x, i) => i === 5 ? NaN : x)));
    const out = `${model}-broken`;
    writeModelFolder(out, {
      config: readJson(`${model}/config.json`),
      tensors,
      companionsOf: model,
    });
    return out;
  };
  const norm = "decoder.block.0.layer.0.layer_norm.weight";
  const dense = "classifier.dense.weight";
  const [t5, classifier] = [broken(tinyT5(folder), norm), broken(tinyClassifier(folder), dense)];
  const data = folder.jsonl("rows.jsonl", pairRows(20).map((row) => ({ ...row, text: "red" })));
  const commands: [string[], string][] = [
    [["sft", "--model", t5, "--response", "chosen", "--lora-r", "2"], norm],
    [["sft", "--model", t5, "--response", "chosen", "--full"], norm],
    [["dpo", "--model", t5, "--lora-r", "2"], norm],
    [["reward-train", "--model", classifier, "--objective", "pairs"], dense],
  ];
  for (const [args, key] of commands) {
    const { code, stderr } = await runDecorum([
      ...[...args, "--data", data, "--out", folder.join("run"), "--threads", "1"],
    ]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`tensor "${key}" of .*: its element 5 is NaN`));
  }
});
