import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "@decorum/tensor";
import { decorum } from "./decorum.ts";
import type { LabelledRow } from "./rows.ts";

/** How a classifier does on texts that it has not seen. */
export interface Quality {
  readonly texts: number;
  /** Share of texts whose more probable label is theirs. */
  readonly accuracy: number;
  /** Chance that a toxic text gets the higher score of a toxic and a civil one. */
  readonly auc: number;
}

/**
 * Area under the ROC curve by ranks (Mann and Whitney's U), ties counted half.
 *
 * @returns NaN when one of the classes has no score
 */
export function auc(positive: readonly number[], negative: readonly number[]): number {
  const all = [
    ...positive.map((score) => ({ score, positive: true })),
    ...negative.map((score) => ({ score, positive: false })),
  ].sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let i = 0; i < all.length;) {
    let end = i;
    while (end < all.length && all[end]!.score === all[i]!.score) end++;
    const rank = (i + 1 + end) / 2; // the mean of ranks i + 1 .. end
    rankSum += rank * all.slice(i, end).filter(({ positive }) => positive).length;
    i = end;
  }
  const n = positive.length;
  return (rankSum - n * (n + 1) / 2) / (n * negative.length);
}

/** Scores held-out texts with `decorum score`. @param folder gets the texts as lines */
export async function measureQuality(
  model: string,
  dataFile: string,
  folder: string,
): Promise<Quality> {
  const rows = readFileSync(dataFile, "utf8").trim().split("\n")
    .map((line) => JSON.parse(line) as LabelledRow);
  const lines = join(folder, "held-out.txt");
  replaceFile(lines, rows.map(({ text }) => text + "\n").join(""));
  const stdout = await decorum([
    ...["score", "--model", model, "--label", "hate", "--file", lines],
    ...["--batch", "32", "--truncate", "--threads", "1"],
  ]);
  const hate = stdout.trim().split("\n").map((line) => {
    const { probabilities } = JSON.parse(line) as { probabilities: { hate: number } };
    return probabilities.hate;
  });
  const of = (label: LabelledRow["label"]) => hate.filter((_, i) => rows[i]!.label === label);
  const right = rows.filter(({ label }, i) => (hate[i]! > 0.5) === (label === "hate")).length;
  return {
    texts: rows.length,
    accuracy: right / rows.length,
    auc: auc(of("hate"), of("nothate")),
  };
}
