import { readFileSync } from "node:fs";
import { join } from "node:path";
import { randomKey, uniforms } from "@decorum/tensor";
import { rouge } from "@decorum/text";
import { quantile } from "../../services/evaluator/statistics.ts";

/** A mean and its percentile bootstrap 95 % interval. */
export interface Estimate {
  readonly mean: number;
  readonly ci95: readonly [number, number];
}

const measures = ["toxicity", "rouge_1", "rouge_l", "rouge_l_nameless"] as const;
type Measures<T> = Readonly<Record<typeof measures[number], T>>;

/** By how much responses differ after training with one reward and with another, to the same dialogues. */
export interface Difference extends Measures<Estimate> {
  readonly reward: string;
  readonly against: string;
  /** Of both runs; null: each dialogue's mean over all seeds. */
  readonly seed: number | null;
  /** Dialogues. */
  readonly n: number;
}

/** Folders of runs, by seed. */
export interface RunFolders {
  readonly of: readonly string[];
  readonly against: readonly string[];
}

const RESAMPLES = 10_000;

/**
 * Differences of `reward` less `against`, for each seed and over all: both runs of a seed have the same start and the same
 * draws. Toxicity is the reward's; ROUGE as the evaluator measures it, and without the speakers' names, which most
 * summaries have.
 *
 * @param test the held-out dialogues, with their human summaries
 */
export function compareRewards(
  against: string,
  reward: string,
  seeds: readonly number[],
  test: string,
  folders: RunFolders,
): Difference[] {
  const references = readFileSync(test, "utf8").trim().split("\n")
    .map((line) => (JSON.parse(line) as { reference: string }).reference);
  const bySeed = seeds.map((_, i) => {
    const [a, b] = [folders.of[i]!, folders.against[i]!].map((run) => measured(run, references));
    return a!.map((values, row) => minus(values, b![row]!));
  });
  const overall = bySeed[0]!.map((_, row) =>
    mapped((measure) => mean(bySeed.map((rows) => rows[row]![measure])))
  );
  const estimates = (rows: readonly Measures<number>[], seed: number | null): Difference => ({
    ...{ reward, against, seed, n: rows.length },
    ...mapped((measure) => estimate(rows.map((row) => row[measure]))),
  });
  return [...bySeed.map((rows, i) => estimates(rows, seeds[i]!)), estimates(overall, null)];
}

/** What a run's evaluation says of each response after training. */
function measured(folder: string, references: readonly string[]): Measures<number>[] {
  const { samples } = JSON.parse(readFileSync(join(folder, "evaluation.json"), "utf8")) as {
    readonly samples: readonly {
      readonly key: string;
      readonly after: string;
      readonly toxicityAfter: number;
    }[];
  };
  return samples.map(({ key, after, toxicityAfter }) => {
    const reference = references[Number(key)]!;
    const { rouge1, rougeL } = rouge(after, reference);
    return {
      toxicity: toxicityAfter,
      rouge_1: rouge1.fmeasure,
      rouge_l: rougeL.fmeasure,
      rouge_l_nameless: rouge(nameless(after), nameless(reference)).rougeL.fmeasure,
    };
  });
}

const nameless = (text: string) => text.replaceAll(/Person\d+/g, " ");

function mapped<T>(value: (measure: keyof Measures<T>) => T): Measures<T> {
  return Object.fromEntries(measures.map((name) => [name, value(name)])) as unknown as Measures<T>;
}

function minus(a: Measures<number>, b: Measures<number>): Measures<number> {
  return mapped((measure) => a[measure] - b[measure]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The same for the same values: dialogues are drawn with replacement, by one stream. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const key = randomKey(0, "dialogsum", "paired");
  const means = Float64Array.from({ length: RESAMPLES }, (_, s) => {
    const draws = uniforms(key, s * n, n);
    return mean(Array.from(draws, (draw) => values[Math.floor(draw * n)]!));
  }).sort();
  return { mean: mean(values), ci95: [quantile(means, 0.025), quantile(means, 0.975)] };
}
