import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { openPolicyModel, readPeftAdapter } from "@decorum/models";
import { runDecorum, startDecorum, succeed } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { echoRows, t5Config, tinyT5 } from "../testing/fixtures.ts";

const template = ["--prompt", "Repeat: {text}", "--response", "answer", "--threads", "1"];

Deno.test("sft: from random weights, the loss falls, and the model is saved and evaluated", async () => {
  using folder = new TemporaryFolder();
  const config = t5Config(folder.join("start"));
  const data = folder.jsonl("data.jsonl", echoRows(48));
  const out = folder.join("run");
  const { stdout, stderr } = await succeed([
    ...["sft", "--init-config", config, "--data", data, "--eval-fraction", "0.2", "--out", out],
    ...["--steps", "40", "--batch-size", "8", "--learning-rate", "0.02", ...template],
  ]);
  const lines = folder.lines("run", "metrics.jsonl");
  assert.equal(lines.length, 41);
  assert.deepEqual(
    lines.slice(0, 40).map(({ step }) => step),
    lines.slice(0, 40).map((_, i) => i + 1),
  );
  const { eval_loss: evalLoss } = lines.at(-1)!;
  assert.ok(evalLoss! < lines[0]!["loss"]! / 3, `${lines[0]!["loss"]} -> ${evalLoss}`);
  assert.match(stdout, new RegExp(`Eval loss ${evalLoss!.toFixed(4)} over \\d+ target tokens`));
  assert.match(stderr, /sft 40\/40 {2}left 0:00 {2}loss [\d.]+ {2}\d+ target tokens\/s/);
  assert.equal(openPolicyModel(folder.join("run", "model")).config.hidden_size, 16);
  assert.ok(existsSync(folder.join("run", "model", "tokenizer.json")));
});

Deno.test("sft: Ctrl-C leaves a checkpoint, and the run that continues equals one that was not stopped, bit for bit", async () => {
  using folder = new TemporaryFolder();
  const model = tinyT5(folder);
  const rows = echoRows(20).map(({ text, answer }) => `"${text}",${answer}\n`);
  writeFileSync(folder.join("data.csv"), `text,answer\n${rows.join("")}`);
  const run = (out: string) => [
    ...["sft", "--model", model, "--data", folder.join("data.csv"), "--out", folder.join(out)],
    ...["--lora-r", "2", "--lora-dropout", "0.1", "--steps", "200", "--batch-size", "4"],
    ...["--micro-batch-size", "2", "--warmup-steps", "5", "--weight-decay", "0.01", ...template],
  ];
  await succeed(run("whole"));
  const child = startDecorum(run("cut"));
  const metrics = folder.join("cut", "metrics.jsonl");
  const steps = () => existsSync(metrics) ? folder.lines("cut", "metrics.jsonl").length : 0;
  await child.until(() => steps() >= 3);
  child.kill("SIGINT");
  const { code, stderr } = await child.ended;
  assert.equal(code, 130);
  assert.match(stderr, /Stopped after step (\d+) of 200, with a checkpoint/);
  assert.match(stderr, /decorum sft .* --prompt 'Repeat: \{text\}' .* --resume/);
  assert.ok(folder.lines("cut", "metrics.jsonl").length < 200);
  assert.ok(!existsSync(folder.join("cut", "adapter")));

  const other = await runDecorum([...run("cut"), "--resume", "--batch-size", "5", "--seed", "9"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /--batch-size is 5: the run in .* has 4; give the same/);
  assert.match(other.stderr, /--seed is 9: the run in .* has 1/);

  const killed = startDecorum([...run("cut"), "--resume", "--checkpoint-every", "10"]);
  await killed.until(() => steps() >= 35);
  killed.kill("SIGKILL");
  await killed.ended;

  const resumed = await succeed([...run("cut"), "--resume"]);
  assert.match(resumed.stderr, /continues after step \d+/);
  const bytes = (out: string) =>
    readFileSync(folder.join(out, "adapter", "adapter_model.safetensors"));
  assert.ok(bytes("cut").equals(bytes("whole")));
  const state = (out: string) =>
    readFileSync(folder.join(out, "checkpoint", "step-000200", "optimizer.safetensors"));
  assert.ok(state("cut").equals(state("whole")));
  const losses = (out: string) => folder.lines(out, "metrics.jsonl").map(({ loss }) => loss);
  assert.deepEqual(losses("cut"), losses("whole"));
  const { config } = readPeftAdapter(
    folder.join("cut", "adapter"),
    openPolicyModel(model).layers,
  );
  assert.deepEqual(config, { r: 2, loraAlpha: 2, loraDropout: 0.1, targetModules: ["q", "v"] });

  const again = await runDecorum(run("cut"));
  assert.equal(again.code, 2);
  assert.match(again.stderr, /it holds a run; continue it with --resume/);
});

Deno.test("sft: all that is wrong with the options is said at once, with exit code 2", async () => {
  using folder = new TemporaryFolder();
  const bad = await runDecorum([
    ...["sft", "--model", folder.join("none"), "--data", "rows.txt", "--eval-fraction", "2"],
    ...["--learning-rate", "fast", "--full", "--lora-r", "4", "--schedule", "cosine", "--resume"],
    ...["--steps", "3", "--epochs", "1"],
  ]);
  assert.equal(bad.code, 2);
  for (
    const problem of [
      /has 8 problems/,
      /--model is ".*none": there is no such folder/,
      /--data is "rows\.txt": expected a file named \.jsonl, \.ndjson or \.csv/,
      /--out is missing/,
      /--eval-fraction is "2": expected a number above 0 and below 1/,
      /--learning-rate is "fast": expected a number above 0/,
      /--full and --lora-r were both given/,
      /--schedule is "cosine": expected linear or constant/,
      /--steps and --epochs were both given/,
    ]
  ) assert.match(bad.stderr, problem);
  assert.equal((await runDecorum(["sft", "--no-such"])).code, 2);
});

Deno.test("sft: columns, empty data, long texts, layers and batches that do not fit", async () => {
  using folder = new TemporaryFolder();
  const model = tinyT5(folder);
  const data = folder.jsonl("data.jsonl", echoRows(6));
  const base = ["sft", "--model", model, "--out", folder.join("run"), "--threads", "1"];
  const expectations: [string[], number, RegExp][] = [
    [
      ["--data", data],
      2,
      /--prompt is "prompt".*not a column; the columns are "text", "answer"[^]*--response/,
    ],
    [["--data", folder.jsonl("empty.jsonl", []), ...template], 1, /empty\.jsonl: it has no rows/],
    [
      ["--data", data, ...template, "--max-source-tokens", "3"],
      1,
      /6 sources of 6 rows are too long \(first: row 1 has \d+ source tokens, --max-source-tokens allows 3\).*--truncate/,
    ],
    [["--data", data, ...template, "--target-modules", "query"], 2, /"query" are no linear layers/],
    [["--data", data, ...template], 2, /--batch-size is 8: there are 6 examples/],
    [
      ["--data", data, ...template, "--batch-size", "2", "--steps", "2", "--warmup-steps", "3"],
      2,
      /--warmup-steps is 3: the run has 2 steps/,
    ],
  ];
  for (const [args, code, message] of expectations) {
    const ended = await runDecorum([...base, ...args]);
    assert.match(ended.stderr, message);
    assert.equal(ended.code, code, ended.stderr);
  }
  const cut = await succeed([
    ...[...base, "--data", data, ...template, "--max-source-tokens", "3", "--truncate"],
    ...["--batch-size", "2", "--steps", "1"],
  ]);
  assert.match(cut.stderr, /cut 6 sources of 6 rows that were too long/);
});
