import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { readJson } from "@decorum/tensor";
import { ConfigError } from "@decorum/settings";
import {
  type DataRows,
  fill,
  labelExamples,
  openReward,
  pairExamples,
  type TrainedModel,
} from "@decorum/learning";
import {
  addClassifierHead,
  type Classifier,
  initClassifier,
  maxPositions,
  missingHead,
  openCheckpoint,
  openClassifier,
} from "@decorum/models";
import { loadTokenizer, type Prompt } from "@decorum/text";
import { flag, type FlagValues, oneOf, positiveCount, type Problems, text } from "../flags.ts";
import {
  readTemplates,
  readTrainingData,
  startModel,
  trainingCommand,
  type TrainingData,
} from "../training_command.ts";
import { loraOf, trainingFlags } from "../training_flags.ts";

const template = text.optional();
const rewardFlags = {
  ...trainingFlags,
  objective: flag(
    "--objective <kind>",
    "labels: classes of texts; pairs: which of two texts is preferred",
    oneOf("labels", "pairs").default("labels"),
  ),
  text: flag(
    "--text <template>",
    "the text: a text with {columns}, or the name of one column (default: text)",
    template,
  ),
  label: flag("--label <column>", "the column with the class (default: label)", template),
  chosen: flag("--chosen <template>", "the preferred text (default: chosen)", template),
  rejected: flag("--rejected <template>", "the other text (default: rejected)", template),
  query: flag("--query <template>", "the text that they answer", template),
  scoreLabel: flag(
    "--score-label <name>",
    "the class whose logit is the score of a text (default: the first)",
    text.optional(),
  ),
  maxTokens: flag(
    "--max-tokens <n>",
    "longest text (default: as the model takes)",
    positiveCount.optional(),
  ),
} as const;

type RewardFlags = FlagValues<typeof rewardFlags>;

/** Options that belong to one objective alone. */
const own = {
  labels: ["text", "label"],
  pairs: ["chosen", "rejected", "scoreLabel"],
} as const;

/** `decorum reward-train`: teaches a classifier classes or preferences. */
export function rewardTrainCommand(): Command {
  return trainingCommand({
    name: "reward-train",
    description: "Train a reward model: a sequence classifier, on labels or on pairs.",
    table: rewardFlags,
    check: checkObjective,
    prepare: rewardTrain,
  });
}

function checkObjective(flags: Partial<RewardFlags>, problems: Problems): void {
  const { objective } = flags;
  for (const name of objective ? own[objective === "labels" ? "pairs" : "labels"] : []) {
    if (flags[name] === undefined) continue;
    const [option] = rewardFlags[name].usage.split(" ");
    problems.add(`${option} does not belong to --objective ${objective}: leave it out`);
  }
}

async function rewardTrain(flags: RewardFlags) {
  const { objective, query, truncate, scoreLabel } = flags;
  // Without a query a text is the whole conversation.
  const pairs = objective === "pairs" && query !== undefined;
  const data = await readTrainingData(flags, pairs ? "preferences" : "texts");
  const { text = "text", label = "label", chosen = "chosen", rejected = "rejected" } = flags;
  const templates: Templates = objective === "labels"
    ? { objective, ...readTemplates({ query, text, label }, data) }
    : { objective, ...readTemplates({ query, chosen, rejected }, data) };
  const model = withHead(startModel(flags, initClassifier), flags, templates, data);
  const classifier = openClassifier(model);
  const { config: { labels }, layers, headLayers } = classifier;
  const tokenizer = loadTokenizer(model);
  const maxTokens = mostTokens(flags, classifier, tokenizer.modelMaxLength);
  const format = { maxTokens, truncate };
  return {
    ...{ model, data, unit: objective === "labels" ? "texts" : "pairs" },
    encode: (rows: DataRows) =>
      templates.objective === "labels"
        ? labelExamples(rows, tokenizer, { ...format, ...templates, labels })
        : pairExamples(rows, tokenizer, { ...format, ...templates }),
    // A head that starts at random has to be learned too.
    lora: loraOf(flags, model, layers, ["query", "value", ...headLayers]),
    learningRates: [1e-3, 1e-4] as const,
    open: (options: TrainedModel) =>
      openReward({ ...options, objective, ...(scoreLabel === undefined ? {} : { scoreLabel }) }),
    settings: { "--objective": objective, "--score-label": scoreLabel ?? null },
  };
}

/** The model, or where it is a base model one with a new head: `start` in the output folder. */
function withHead(
  model: string,
  { out, resume, seed }: RewardFlags,
  templates: Templates,
  data: TrainingData,
): string {
  {
    using checkpoint = openCheckpoint(model);
    if (missingHead(openClassifier(model), checkpoint) === undefined) return model;
  }
  const folder = join(out, "start");
  if (resume && existsSync(join(folder, "config.json"))) return folder;
  const labels = newLabels(model, templates, data);
  addClassifierHead(model, folder, { labels, seed });
  console.error(
    `${model} is a base model without a classifier head: a new one for ${
      labels.map((label) => `"${label}"`).join(", ")
    } starts at random, in ${folder}`,
  );
  return folder;
}

/** The labels that the base's config names; else the classes of the data, or one for preferences. */
function newLabels(model: string, templates: Templates, { train }: TrainingData): string[] {
  const { id2label } = readJson(join(model, "config.json"));
  if ((id2label ?? null) !== null) return [...openClassifier(model).config.labels];
  if (templates.objective === "pairs") return ["LABEL_0"];
  const found = new Set(train.rows.map((_, row) => fill(templates.label, train, row).trim()));
  return [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

type Templates =
  & { readonly query: Prompt | undefined }
  & (
    | { readonly objective: "labels"; readonly text: Prompt; readonly label: Prompt }
    | { readonly objective: "pairs"; readonly chosen: Prompt; readonly rejected: Prompt }
  );

function mostTokens(flags: RewardFlags, model: Classifier, tokenizerMost: number): number {
  const most = Math.min(maxPositions(model), tokenizerMost);
  const problems: string[] = [];
  const { maxTokens = most, scoreLabel } = flags;
  if (maxTokens > most) {
    problems.push(`--max-tokens is ${maxTokens}: the model takes at most ${most}`);
  }
  if (scoreLabel !== undefined && !model.config.labels.includes(scoreLabel)) {
    const labels = model.config.labels.map((label) => `"${label}"`).join(", ");
    problems.push(`--score-label is "${scoreLabel}": the model's labels are ${labels}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return maxTokens;
}
