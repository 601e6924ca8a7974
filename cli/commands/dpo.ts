import { Command } from "commander";
import { createHash } from "node:crypto";
import { openDpo, preferenceExamples } from "@decorum/learning";
import {
  type EncoderDecoder,
  initPolicyModel,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
} from "@decorum/models";
import { loadTokenizer, type Prompt } from "@decorum/text";
import {
  addFlags,
  checkPath,
  flag,
  type FlagValues,
  positive,
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
  loraFlags,
  loraOf,
  planOf,
  settingsOf,
  trainingFlags,
} from "../training_flags.ts";

const dpoFlags = {
  ...trainingFlags,
  adapter: flag(
    "--adapter <folder>",
    "start from this PEFT adapter, which is then the reference too (default: the model is)",
    text.optional(),
  ),
  beta: flag(
    "--beta <x>",
    "the lower, the further the policy may move from the reference",
    positive.default(0.1),
  ),
  prompt: flag(
    "--prompt <template>",
    "the prompt: a text with {columns}, or the name of one column",
    text.default("prompt"),
  ),
  chosen: flag(
    "--chosen <template>",
    "the preferred response, in the same way",
    text.default("chosen"),
  ),
  rejected: flag(
    "--rejected <template>",
    "the other response, in the same way",
    text.default("rejected"),
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
  learningRate: flag(
    "--learning-rate <x>",
    "largest step size (default: 1e-4 for an adapter, else 1e-6)",
    positive.optional(),
  ),
} as const;

/** `decorum dpo`: teaches a policy which of two responses is preferred. */
export function dpoCommand(): Command {
  const command = new Command("dpo")
    .description(
      "Train a policy on pairs of responses by DPO: all weights, or a LoRA adapter.",
    );
  return addFlags(command, dpoFlags).action(async (given) => {
    const problems = new Problems();
    const flags = readFlags(dpoFlags, given, problems);
    checkTrainingFlags(flags, problems);
    checkRunFolder(flags, problems);
    const { adapter } = flags;
    if (adapter !== undefined) {
      checkPath("--adapter", adapter, "folder", problems);
      const options = ["--lora-r", "--lora-alpha", "--target-modules"];
      const others = [
        ...loraFlags(flags).filter((option) => options.includes(option)),
        ...(flags.full ? ["--full"] : []),
        ...(flags.initConfig === undefined ? [] : ["--init-config"]),
      ];
      for (const option of others) {
        problems.add(`--adapter and ${option} were both given: leave one out`);
      }
    }
    problems.throwIfAny();
    await dpo(flags as FlagValues<typeof dpoFlags>);
  });
}

async function dpo(flags: FlagValues<typeof dpoFlags>): Promise<void> {
  using stop = new Interruption();
  const data = await readTrainingData(flags, "preferences");
  const problems = new Problems();
  const templates = {
    prompt: readTemplate("--prompt", flags.prompt, data, problems),
    chosen: readTemplate("--chosen", flags.chosen, data, problems),
    rejected: readTemplate("--rejected", flags.rejected, data, problems),
  };
  problems.throwIfAny();
  const model = startModel(flags, initPolicyModel);
  const tokenizer = loadTokenizer(model);
  const format = {
    ...templates as Record<keyof typeof templates, Prompt>,
    maxSourceTokens: flags.maxSourceTokens ?? tokenizer.modelMaxLength,
    maxTargetTokens: flags.maxTargetTokens ?? tokenizer.modelMaxLength,
    truncate: flags.truncate,
  };
  const train = preferenceExamples(data.train, tokenizer, format);
  const heldOut = data.heldOut && preferenceExamples(data.heldOut, tokenizer, format);
  for (const part of [train, heldOut]) if (part?.note) console.error(part.note);
  const policy = openPolicyModel(model);
  const start = startAdapter(flags, policy);
  const lora = start
    ? { ...start.config, loraDropout: flags.loraDropout ?? 0 }
    : loraOf(flags, model, policy.layers, ["q", "v"]);
  const plan = planOf(flags, train.examples.length, lora ? 1e-4 : 1e-6);
  await using session = await openDpo({
    model,
    beta: flags.beta,
    optimizer: plan.optimizer,
    microBatchSize: plan.microBatchSize,
    seed: plan.seed,
    runtime: { intraOpThreads: flags.threads },
    ...(lora ? { lora } : {}),
    ...(start ? { adapter: start.parameters } : {}),
  });
  const settings = await settingsOf(flags, plan, lora, model, train.examples);
  await trainWithProgress({
    title: "dpo",
    session,
    model,
    data: train.examples,
    heldOut: heldOut?.examples,
    plan,
    settings: {
      ...settings,
      "--beta": flags.beta,
      "--adapter": start ? hashOf(start) : null,
    },
    out: flags.out,
    resume: flags.resume,
    unit: "pairs",
  }, stop);
}

function startAdapter(
  { adapter }: FlagValues<typeof dpoFlags>,
  { layers }: EncoderDecoder,
): PeftAdapter | undefined {
  if (adapter === undefined) return undefined;
  const start = readPeftAdapter(adapter, layers);
  if (start.valueHead) console.error(`The value head in ${adapter} is left out: DPO has none`);
  return start;
}

function hashOf({ parameters }: PeftAdapter): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of parameters) hash.update(name).update(data);
  return hash.digest("hex");
}
