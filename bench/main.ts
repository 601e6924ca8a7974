import { Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import process from "node:process";
import { algorithmNames } from "@decorum/algorithms";
import { benchPpoIteration } from "./ppo_iteration.ts";
import { benchSharedIteration } from "./shared_iteration.ts";
import { benchPush } from "./push_weights.ts";
import { type T5Size, t5Sizes } from "./random_t5.ts";
import { benchLearners, benchRealLearners } from "./learner_scaling.ts";
import { benchRealScaling, benchScaling, processors } from "./scaling.ts";
import { costTable, learningTable, printCosts, printLearning } from "./scaling_model.ts";
import { benchScoreLoad, printScoreLoad } from "./score_load.ts";
import { benchRowPadding } from "./row_padding.ts";
import { benchTelemetryCost, GROUPS } from "./telemetry_cost.ts";
import { benchUi } from "./ui.ts";
import { benchForward, benchTrainStep, type T5BenchOptions, type T5BenchResult } from "./t5.ts";

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected 1 or more");
  return value;
}

function size(text: string): T5Size {
  if (!(text in t5Sizes)) {
    throw new InvalidArgumentError(`expected ${Object.keys(t5Sizes).join(", ")}`);
  }
  return text as T5Size;
}

const program = new Command("bench").description(
  "Measures the engine beside its floor (the same matrix products alone) and beside PyTorch.",
);

function t5Bench(
  name: string,
  description: string,
  batch: number,
  bench: (options: T5BenchOptions) => Promise<T5BenchResult>,
): void {
  program.command(name).description(description)
    .option("--size <size>", `model shape: ${Object.keys(t5Sizes).join(", ")}`, size, "base")
    .option("--threads <n>", "threads of one operator", positive, 2)
    .option("--batch <n>", "sequences", positive, batch)
    .option("--query <n>", "encoder tokens of each", positive, 256)
    .option("--response <n>", "decoder tokens of each", positive, 64)
    .option("--rounds <n>", "timed rounds", positive, 5)
    .option("--cache <folder>", "where the random model lies", join(".cache", "bench"))
    .option("--profile <prefix>", "write onnxruntime's trace and print where the time goes")
    .option("--python <path>", "Python with torch, transformers and peft: also time PyTorch")
    .option("--json", "print one JSON object")
    .action(async (options) => {
      const result = await bench(options);
      const row = { bench: name, size: options.size, threads: options.threads, ...result };
      if (options.json) console.log(JSON.stringify(row));
      else for (const [key, value] of Object.entries(row)) console.log(`${key.padEnd(26)}${value}`);
      process.exitCode = 0;
    });
}

t5Bench("forward", "log-probabilities of 16 x (256 + 64) tokens", 16, benchForward);
t5Bench(
  "train_step",
  "forward and backward of a micro-batch of 4 x (256 + 64) tokens",
  4,
  benchTrainStep,
);
program.command("push").description("push of FLAN-T5-base's 14 MB adapter to an idle policy")
  .option("--model <folder>", "a T5 folder; default a small one with an adapter of that size")
  .option("--rounds <n>", "pushes", positive, 5)
  .option("--json", "print one JSON object")
  .action(async ({ json, ...options }) => {
    const row = { bench: "push", ...await benchPush(options) };
    if (json) console.log(JSON.stringify(row));
    else for (const [key, value] of Object.entries(row)) console.log(`${key.padEnd(26)}${value}`);
  });
program.command("ppo_iteration").description("one PPO iteration: rollout, reference, update, push")
  .option("--size <size>", `model shape: ${Object.keys(t5Sizes).join(", ")}`, size, "base")
  .option("--threads <n>", "threads of one operator", positive, 2)
  .addOption(
    new Option("--algorithm <name>", "not ppo: beside the same with each response's prompt encoded")
      .choices(algorithmNames).default("ppo"),
  )
  .option("--num-generations <n>", "responses to a prompt, but for ppo", positive, 8)
  .option("--batch <n>", "responses", positive, 16)
  .option("--query <n>", "tokens of a prompt", positive, 256)
  .option("--response <n>", "new tokens of each", positive, 64)
  .option(
    "--mini-batch <n>",
    "responses of an optimizer step (default: 4; all, but for ppo)",
    positive,
  )
  .option("--micro-batch <n>", "sequences of a run at most", positive, 4)
  .addOption(
    new Option("--lengths <which>", "dialogsum: prompts of 60-300 tokens, 20-120 new ones")
      .choices(["equal", "dialogsum"]).default("equal"),
  )
  .option("--rounds <n>", "timed rounds", positive, 3)
  .option("--cache <folder>", "where the random model lies", join(".cache", "bench"))
  .option("--peer <script>", "trl_ppo.py: also time TRL, between our iterations")
  .option("--python <path>", "Python with torch, transformers, peft and trl, for --peer")
  .option("--json", "print one JSON object")
  .action(async ({ json, algorithm, numGenerations, miniBatch, ...shape }) => {
    const options = { ...shape, miniBatch: miniBatch ?? (algorithm === "ppo" ? 4 : shape.batch) };
    const result = algorithm === "ppo"
      ? await benchPpoIteration(options)
      : await benchSharedIteration({ ...options, algorithm, numGenerations });
    const row = { bench: "ppo_iteration", algorithm, ...options, ...result };
    console.log(json ? JSON.stringify(row) : JSON.stringify(row, null, 2));
    process.exitCode = 0;
  });
program.command("scaling")
  .description(
    "the trainer's rollouts over 1, 2 and 4 policies whose generation takes a fixed time",
  )
  .option("--delay <ms>", "time of a group", positive, 200)
  .option("--groups <n>", "groups of a step", positive, 32)
  .option("--rounds <n>", "timed rounds", positive, 3)
  .option("--real", "real policies instead, one thread each: 1 and 2 processes")
  .option("--size <size>", `shape of theirs: ${Object.keys(t5Sizes).join(", ")}`, size, "small")
  .option("--cache <folder>", "where the random model lies", join(".cache", "bench"))
  .option("--fit", "instead, what the model of docs/scaling.md predicts for 1-64 policies")
  .option(
    "--learners",
    "instead, updates of 64 micro-batches of 500 ms over 1, 4 and 8 learners; with --real real ones",
  )
  .action(async ({ real, fit, learners, ...options }) => {
    if (fit) {
      printCosts(costTable());
      printLearning(learningTable());
      return;
    }
    if (learners && real) {
      const rows = await benchRealLearners({ ...options, replicas: [1, 2] });
      console.log(JSON.stringify({ bench: "scaling", processors, ...options, rows }, null, 2));
      process.exitCode = 0;
      return;
    }
    if (learners) {
      const update = { delay: 500, shards: 64, megabytes: 13.5, rounds: options.rounds };
      const rows = await benchLearners({ ...update, replicas: [1, 4, 8] });
      console.log(JSON.stringify({ bench: "scaling", processors, ...update, rows }, null, 2));
      process.exitCode = 0;
      return;
    }
    const rows = real
      ? await benchRealScaling({ ...options, replicas: [1, 2] })
      : await benchScaling({ ...options, replicas: [1, 2, 4] });
    console.log(JSON.stringify({ bench: "scaling", processors, ...options, rows }, null, 2));
    process.exitCode = 0;
  });
program.command("score_load")
  .description("64 callers on the reward service, RoBERTa-base's shape, beside servers in PyTorch")
  .option("--threads <n>", "threads of a server", positive, 2)
  .option("--callers <n>", "callers that wait at once", positive, 64)
  .option("--texts <n>", "texts of a turn", positive, 512)
  .option("--rounds <n>", "turns of each server", positive, 3)
  .option("--cache <folder>", "where the random model lies", join(".cache", "bench"))
  .option("--python <path>", "Python with torch, transformers, fastapi and uvicorn: also time them")
  .option("--data <file>", "one text a line; default texts of DialogSum's lengths")
  .option("--tokenizer <folder>", "whose tokenizer the model gets; default one token a letter")
  .option("--set <setting...>", "of our service, as reward.batching.max_tokens=1024")
  .option("--json", "print one JSON object")
  .action(async ({ json, ...options }) => {
    const result = await benchScoreLoad(options);
    if (json) console.log(JSON.stringify({ bench: "score_load", ...options, ...result }));
    else printScoreLoad(result);
  });
program.command("row_padding")
  .description(
    "a product whose rows lie 4096 bytes apart beside one with a line of zeros behind each",
  )
  .option("--threads <n>", "threads", positive, 2)
  .option("--rows <n>", "rows of the left operand", positive, 1024)
  .option("--width <n>", "features of each", positive, 2048)
  .option("--out <n>", "features of the product", positive, 768)
  .option("--rounds <n>", "timed rounds", positive, 40)
  .option("--json", "print one JSON object")
  .action(async ({ json, ...options }) => {
    const row = { bench: "row_padding", ...options, ...await benchRowPadding(options) };
    console.log(json ? JSON.stringify(row) : JSON.stringify(row, null, 2));
  });
program.command("telemetry_cost")
  .description(
    "steps of the demo with traces and metrics beside the same steps without, at the same time",
  )
  .option("--pairs <n>", "pairs of steps", positive, 60)
  .option("--batch <n>", "prompts of a step: makes it long", positive, 1536)
  .option("--groups <n>", "groups of prompts of a step", positive, GROUPS)
  .option("--scrape <s>", "seconds between two scrapes of each process", positive, 5)
  .option("--json", "print one JSON object")
  .action(async ({ json, ...options }) => {
    const row = { bench: "telemetry_cost", ...await benchTelemetryCost(options) };
    console.log(json ? JSON.stringify(row) : JSON.stringify(row, null, 2));
    process.exitCode = 0;
  });
program.command("ui").description("the page of runs in Chromium, over a store of many long runs")
  .option("--runs <n>", "runs in the store", positive, 200)
  .option("--steps <n>", "steps of each", positive, 10_000)
  .option("--rounds <n>", "loads of each page", positive, 5)
  .option("--cache <folder>", "where the store lies", join(".cache", "bench"))
  .action(async (options) => {
    for (const [key, value] of Object.entries(await benchUi(options))) {
      console.log(`${key.padEnd(26)}${value}`);
    }
  });

await program.parseAsync();
