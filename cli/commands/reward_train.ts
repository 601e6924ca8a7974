import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { readJson } from "@decorum/tensor";
import { ConfigError } from "@decorum/settings";
import { fill, labelExamples, openReward, pairExamples } from "@decorum/learning";
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
import {
  addFlags,
  flag,
  type FlagValues,
  oneOf,
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
  type TrainingData,
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
  const command = new Command("reward-train")
    .description("Train a reward model: a sequence classifier, on labels or on pairs.");
  return addFlags(command, rewardFlags).action(async (given) => {
    const problems = new Problems();
    const flags = readFlags(rewardFlags, given, problems);
    checkTrainingFlags(flags, problems);
    checkRunFolder(flags, problems);
    const { objective } = flags;
    for (const name of objective ? own[objective === "labels" ? "pairs" : "labels"] : []) {
      if (flags[name] === undefined) continue;
      const [option] = rewardFlags[name].usage.split(" ");
      problems.add(`${option} does not belong to --objective ${objective}: leave it out`);
    }
    problems.throwIfAny();
    await rewardTrain(flags as RewardFlags);
  });
}

async function rewardTrain(flags: RewardFlags): Promise<void> {
  using stop = new Interruption();
  // Without a query a text is the whole conversation.
  const pairs = flags.objective === "pairs" && flags.query !== undefined;
  const data = await readTrainingData(flags, pairs ? "preferences" : "texts");
  const templates = readTemplates(flags, data);
  const model = withHead(startModel(flags, initClassifier), flags, templates, data);
  const classifier = openClassifier(model);
  const { config, layers } = classifier;
  const tokenizer = loadTokenizer(model);
  const maxTokens = mostTokens(flags, classifier, tokenizer.modelMaxLength);
  const shared = { maxTokens, truncate: flags.truncate };
  const encode = (rows: TrainingData["train"]) =>
    templates.objective === "labels"
      ? labelExamples(rows, tokenizer, { ...shared, ...templates, labels: config.labels })
      : pairExamples(rows, tokenizer, { ...shared, ...templates });
  const train = encode(data.train);
  const heldOut = data.heldOut && encode(data.heldOut);
  for (const part of [train, heldOut]) if (part?.note) console.error(part.note);
  // A head that starts at random has to be learned too.
  const lora = loraOf(flags, model, layers, ["query", "value", ...classifier.headLayers]);
  const plan = planOf(flags, train.examples.length, lora ? 1e-3 : 1e-4);
  await using session = await openReward({
    model,
    objective: flags.objective,
    optimizer: plan.optimizer,
    microBatchSize: plan.microBatchSize,
    seed: plan.seed,
    runtime: { intraOpThreads: flags.threads },
    ...(flags.scoreLabel === undefined ? {} : { scoreLabel: flags.scoreLabel }),
    ...(lora ? { lora } : {}),
  });
  const settings = await settingsOf(flags, plan, lora, model, train.examples);
  await trainWithProgress({
    title: "reward-train",
    session,
    model,
    data: train.examples,
    heldOut: heldOut?.examples,
    plan,
    settings: {
      ...settings,
      "--objective": flags.objective,
      "--score-label": flags.scoreLabel ?? null,
    },
    out: flags.out,
    resume: flags.resume,
    unit: flags.objective === "labels" ? "texts" : "pairs",
  }, stop);
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

function readTemplates(flags: RewardFlags, data: TrainingData): Templates {
  const problems = new Problems();
  const read = (name: "text" | "label" | "chosen" | "rejected") =>
    readTemplate(`--${name}`, flags[name] ?? name, data, problems)!;
  const query = flags.query === undefined
    ? undefined
    : readTemplate("--query", flags.query, data, problems);
  const { objective } = flags;
  const templates: Templates = objective === "labels"
    ? { objective, query, text: read("text"), label: read("label") }
    : { objective, query, chosen: read("chosen"), rejected: read("rejected") };
  problems.throwIfAny();
  return templates;
}

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
