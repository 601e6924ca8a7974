import { Command } from "commander";
import { openSft, sftExamples } from "@decorum/learning";
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
import {
  readTemplate,
  readTrainingData,
  startModel,
  trainWithProgress,
} from "../training_command.ts";
import {
  checkRunFolder,
  checkTrainingFlags,
  loraOf,
  planOf,
  settingsOf,
  trainingFlags,
} from "../training_flags.ts";

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

/** `decorum sft`: teaches a policy to answer as the examples do. */
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
  const plan = planOf(flags, train.examples.length, lora ? 1e-3 : 1e-4);
  await using session = await openSft({
    model,
    optimizer: plan.optimizer,
    microBatchSize: plan.microBatchSize,
    seed: plan.seed,
    runtime: { intraOpThreads: flags.threads },
    ...(lora ? { lora } : {}),
  });
  await trainWithProgress({
    title: "sft",
    session,
    model,
    data: train.examples,
    heldOut: heldOut?.examples,
    plan,
    settings: await settingsOf(flags, plan, lora, model, train.examples),
    out: flags.out,
    resume: flags.resume,
    unit: "target tokens",
  }, stop);
}
