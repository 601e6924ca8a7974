import type { Command } from "commander";
import { createHash } from "node:crypto";
import { type DataRows, openDpo, preferenceExamples, type TrainedModel } from "@decorum/learning";
import {
  type EncoderDecoder,
  initPolicyModel,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
} from "@decorum/models";
import { loadTokenizer } from "@decorum/text";
import { checkPath, flag, type FlagValues, positive, type Problems, text } from "../flags.ts";
import {
  readTemplates,
  readTrainingData,
  startModel,
  trainingCommand,
} from "../training_command.ts";
import { lengthsOf, loraFlags, loraOf, policyFlags } from "../training_flags.ts";

const dpoFlags = {
  ...policyFlags,
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
  learningRate: flag(
    "--learning-rate <x>",
    "largest step size (default: 1e-4 for an adapter, else 1e-6)",
    positive.optional(),
  ),
} as const;

/** `decorum dpo`: teaches a policy which of two responses is preferred. */
export function dpoCommand(): Command {
  return trainingCommand({
    name: "dpo",
    description: "Train a policy on pairs of responses by DPO: all weights, or a LoRA adapter.",
    table: dpoFlags,
    check: checkAdapter,
    prepare: dpo,
  });
}

function checkAdapter(flags: Partial<FlagValues<typeof dpoFlags>>, problems: Problems): void {
  const { adapter } = flags;
  if (adapter === undefined) return;
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

async function dpo(flags: FlagValues<typeof dpoFlags>) {
  const data = await readTrainingData(flags, "preferences");
  const { prompt, chosen, rejected, beta } = flags;
  const templates = readTemplates({ prompt, chosen, rejected }, data);
  const model = startModel(flags, initPolicyModel);
  const tokenizer = loadTokenizer(model);
  const format = { ...templates, ...lengthsOf(flags, tokenizer) };
  const policy = openPolicyModel(model);
  const start = startAdapter(flags, policy);
  const adapter = start ? { adapter: start.parameters } : {};
  return {
    ...{ model, data, unit: "pairs" },
    encode: (rows: DataRows) => preferenceExamples(rows, tokenizer, format),
    lora: start
      ? { ...start.config, loraDropout: flags.loraDropout ?? 0 }
      : loraOf(flags, model, policy.layers, ["q", "v"]),
    learningRates: [1e-4, 1e-6] as const,
    open: (options: TrainedModel) => openDpo({ ...options, ...adapter, beta }),
    settings: { "--beta": beta, "--adapter": start ? hashOf(start) : null },
  };
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
