import { Command } from "commander";
import { openSft } from "@decorum/learning";
import { initPolicyModel, openPolicyModel } from "@decorum/models";
import { loadTokenizer, type Prompt } from "@decorum/text";
import {
  addFlags,
  flag,
  type FlagValues,
  positiveCount,
  Problems,
  readFlags,
  text,
} from "../flags.ts";
import { Interruption } from "../interruption.ts";
import { checkRunFolder } from "../training/checkpoint_file.ts";
import { readTemplate, readTrainingData } from "../training/data.ts";
import { loraOf, planOf, settingsOf } from "../training/plan.ts";
import { runTraining } from "../training/run_training.ts";
import { sftExamples } from "../training/sft_examples.ts";
import { startModel } from "../training/start_model.ts";
import { checkTrainingFlags, trainingFlags } from "../training/training_flags.ts";

const sftFlags = {
  ...trainingFlags,
  prompt: flag(
    "--prompt <template>",
    "the prompt: a text with {columns}, or the name of one column",
    text.default("{prompt}"),
  ),
  response: flag(
    "--response <template>",
    "the response to learn, in the same way",
    text.default("{response}"),
  ),
  maxSourceTokens: flag(
    "--max-source-tokens <n>",
    "longest prompt (default: as the tokenizer says)",
    positiveCount.optional(),
  ),
  maxTargetTokens: flag(
    "--max-target-tokens <n>",
    "longest response (default: as the tokenizer says)",
    positiveCount.optional(),
  ),
} as const;

/** `decorum sft`: teaches a T5 to answer as the examples do. */
export function sftCommand(): Command {
  const command = new Command("sft")
    .description("Train a model on prompts and responses: all weights, or a LoRA adapter.");
  return addFlags(command, sftFlags).action(async (given) => {
    const problems = new Problems();
    const flags = readFlags(sftFlags, given, problems);
    checkTrainingFlags(flags, problems);
    checkRunFolder(flags, problems);
    problems.throwIfAny();
    await sft(flags as FlagValues<typeof sftFlags>);
  });
}

async function sft(flags: FlagValues<typeof sftFlags>): Promise<void> {
  using stop = new Interruption();
  const data = await readTrainingData(flags);
  const problems = new Problems();
  const templates = {
    prompt: readTemplate("--prompt", flags.prompt, data, problems),
    response: readTemplate("--response", flags.response, data, problems),
  };
  problems.throwIfAny();
  const model = startModel(flags, initPolicyModel);
  const tokenizer = loadTokenizer(model);
  const format = {
    ...templates as { prompt: Prompt; response: Prompt },
    maxSourceTokens: flags.maxSourceTokens ?? tokenizer.modelMaxLength,
    maxTargetTokens: flags.maxTargetTokens ?? tokenizer.modelMaxLength,
    truncate: flags.truncate,
  };
  const train = sftExamples(data.train, tokenizer, format);
  const heldOut = data.heldOut && sftExamples(data.heldOut, tokenizer, format);
  for (const part of [train, heldOut]) if (part?.note) console.error(part.note);
  const lora = loraOf(flags, model, openPolicyModel(model).layers, ["q", "v"]);
  const plan = planOf(flags, train.examples.length, lora);
  await using trainer = await openSft({
    model,
    optimizer: plan.optimizer,
    microBatchSize: plan.microBatchSize,
    seed: plan.seed,
    runtime: { intraOpThreads: flags.threads },
    ...(lora ? { lora } : {}),
  });
  await runTraining({
    title: "sft",
    trainer,
    model,
    data: train.examples,
    heldOut: heldOut?.examples,
    plan,
    settings: await settingsOf(flags, plan, lora, model, train.examples),
    out: flags.out,
    resume: flags.resume,
    product: lora ? "adapter" : "model",
    unit: "target tokens",
  }, stop);
}
