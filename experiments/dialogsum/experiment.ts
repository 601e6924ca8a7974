import { existsSync } from "node:fs";
import { join } from "node:path";
import { trainClassifier, trainSummariser } from "./models.ts";
import { prepare } from "./prepare.ts";
import { loadSettings } from "./settings.ts";
import { digestOf, Stages } from "./stages.ts";

export const stageNames = ["prepare", "sft", "reward", "judge"] as const;

export interface ExperimentOptions {
  /** Folder of the sources. */
  readonly data: string;
  readonly out: string;
  readonly seed: number;
  /** File of settings. */
  readonly settings: string;
  /** Ends after this stage. */
  readonly stage?: typeof stageNames[number];
}

/** Files of the data folder that decide the results, packed or not. */
const sources = [
  ...["train", "dev", "test"].map((part) => `dialogsum/dialogsum.${part}.jsonl`),
  "toxicity/paradetox.tsv",
  "toxicity/davidson.labeled_data.csv",
  "tokenizers/flan-t5/tokenizer.json",
  "tokenizers/roberta-base/tokenizer.json",
];

/** The whole experiment; a stage that is there already is not done again. */
export async function runExperiment(options: ExperimentOptions): Promise<void> {
  const { data, out, seed } = options;
  const settings = loadSettings(options.settings);
  const stages = new Stages(out, (line) => console.error(line));
  const until = stageNames.indexOf(options.stage ?? stageNames.at(-1)!);
  const reached = (name: typeof stageNames[number]) => stageNames.indexOf(name) <= until;

  const found = sources.map((file) => join(data, file))
    .map((path) => existsSync(`${path}.xz`) && !existsSync(path) ? `${path}.xz` : path)
    .filter((path) => existsSync(path));
  const prepared = await stages.run(
    "prepare",
    [settings.data, settings.ppo.held_out, seed, digestOf(found)],
    (folder) => prepare(data, folder, settings, seed),
  );
  const texts = join(out, "prepare");
  if (!reached("sft")) return;
  const sft = await stages.run(
    "sft",
    [prepared.inputs, settings.sft, seed],
    (folder) => trainSummariser(folder, texts, data, settings, seed),
  );
  if (!reached("reward")) return;
  const classifier = (role: "reward" | "judge") =>
    stages.run(
      role,
      [prepared.inputs, settings.classifier, seed],
      (folder) => trainClassifier(role, folder, texts, data, settings, seed),
    );
  const reward = await classifier("reward");
  if (!reached("judge")) return;
  const judge = await classifier("judge");
  void [sft, reward, judge];
}
