import { existsSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "@decorum/tensor";
import { trainClassifier, trainSummariser } from "./models.ts";
import { compareRewards, type Difference } from "./paired.ts";
import { type Measured, trainAndMeasure } from "./ppo.ts";
import { prepare } from "./prepare.ts";
import { markdown, type Results } from "./report.ts";
import { loadSettings, type Settings } from "./settings.ts";
import { digestOf, type Staged, Stages } from "./stages.ts";

export const stageNames = ["prepare", "sft", "reward", "judge", "ppo"] as const;

export interface ExperimentOptions {
  /** Folder of the sources. */
  readonly data: string;
  readonly out: string;
  readonly seed: number;
  /** File of settings. */
  readonly settings: string;
  /** Only this stage, and what it needs. */
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
  const asked = options.stage;

  const found = sources.map((file) => join(data, file))
    .map((path) => existsSync(`${path}.xz`) && !existsSync(path) ? `${path}.xz` : path)
    .filter((path) => existsSync(path));
  const prepared = await stages.run(
    "prepare",
    [settings.data, settings.ppo.held_out, seed, digestOf(found)],
    (folder) => prepare(data, folder, settings, seed),
  );
  const texts = join(out, "prepare");
  if (asked === "prepare") return;
  const summariser = () =>
    stages.run(
      "sft",
      [prepared.inputs, settings.sft, seed],
      (folder) => trainSummariser(folder, texts, data, settings, seed),
    );
  const classifier = (role: "reward" | "judge") => () =>
    stages.run(
      role,
      [prepared.inputs, settings.classifier, seed],
      (folder) => trainClassifier(role, folder, texts, data, settings, seed),
    );
  const models = { sft: summariser, reward: classifier("reward"), judge: classifier("judge") };
  if (asked !== undefined && asked !== "ppo") return void await models[asked]();
  const sft = await models.sft();
  const reward = await models.reward();
  const judge = await models.judge();
  const runs: Staged<Measured>[] = [];
  const weights = [sft, reward, judge].map(({ result }) => result.sha256);
  for (const { name, ...run } of runsOf(settings)) {
    const inputs = [prepared.inputs, weights, settings.ppo.services, run];
    runs.push(
      await stages.run(
        name,
        inputs,
        (folder) => trainAndMeasure({ out, folder, settings, ...run }),
      ),
    );
  }
  const differences = differencesOf(out, settings);
  const results: Results = { seed, prepare: prepared, sft, reward, judge, runs, differences };
  replaceFile(join(out, "results.json"), JSON.stringify(results, null, 2) + "\n");
  replaceFile(join(out, "results.md"), markdown(results));
  console.log(markdown(results));
}

/** PPO's runs: for each seed one of each reward, and the control. */
function runsOf({ ppo: { seeds, control, rewards } }: Settings) {
  const runs = seeds.flatMap((seed) =>
    Object.entries(rewards).map(([reward, terms]) => ({
      ...{ name: folderOf(reward, seed), reward, terms, seed },
      constantReward: false,
    }))
  );
  return control ? [...runs, { ...runs[0]!, name: "ppo-control", constantReward: true }] : runs;
}

/** Where the run of a reward and a seed lies. */
function folderOf(reward: string, seed: number): string {
  return `ppo-${reward}-seed-${seed}`;
}

/** Each reward against the first. */
function differencesOf(out: string, { ppo: { seeds, rewards } }: Settings): Difference[] {
  const test = join(out, "prepare", "test.jsonl");
  const [first, ...others] = Object.keys(rewards);
  const folders = (reward: string) => seeds.map((seed) => join(out, folderOf(reward, seed)));
  return others.flatMap((other) =>
    compareRewards(first!, other, seeds, test, { of: folders(other), against: folders(first!) })
  );
}
