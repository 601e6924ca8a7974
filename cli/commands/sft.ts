import type { Command } from "commander";
import { type DataRows, openSft, sftExamples } from "@decorum/learning";
import { initPolicyModel, openPolicyModel } from "@decorum/models";
import { loadTokenizer } from "@decorum/text";
import { flag, type FlagValues, text } from "../flags.ts";
import {
  readTemplates,
  readTrainingData,
  startModel,
  trainingCommand,
} from "../training_command.ts";
import { lengthsOf, loraOf, policyFlags } from "../training_flags.ts";

const sftFlags = {
  ...policyFlags,
  response: flag(
    "--response <template>",
    "the response to learn, in the same way",
    text.default("response"),
  ),
} as const;

/** `decorum sft`: teaches a policy to answer as the examples do. */
export function sftCommand(): Command {
  return trainingCommand({
    name: "sft",
    description: "Train a model on prompts and responses: all weights, or a LoRA adapter.",
    table: sftFlags,
    prepare: sft,
  });
}

async function sft(flags: FlagValues<typeof sftFlags>) {
  const data = await readTrainingData(flags);
  const { prompt, response } = flags;
  const templates = readTemplates({ prompt, response }, data);
  const model = startModel(flags, initPolicyModel);
  const tokenizer = loadTokenizer(model);
  const format = { ...templates, ...lengthsOf(flags, tokenizer) };
  return {
    ...{ model, data, open: openSft, unit: "target tokens" },
    encode: (rows: DataRows) => sftExamples(rows, tokenizer, format),
    lora: loraOf(flags, model, openPolicyModel(model).layers, ["q", "v"]),
    learningRates: [1e-3, 1e-4] as const,
  };
}
