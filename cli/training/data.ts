import { InputError } from "@decorum/tensor";
import { loadRows, parsePrompt, type Prompt, type Row, splitRows } from "@decorum/text";
import type { Problems } from "../flags.ts";
import type { TrainingFlags } from "./training_flags.ts";

/** Rows of a data file, or of a part of it. */
export interface DataRows {
  /** What messages call it. */
  readonly name: string;
  readonly rows: readonly Row[];
}

/** What a trainer learns from, and what it is judged by. */
export interface TrainingData {
  readonly train: DataRows;
  /** Absent where nothing is held out. */
  readonly heldOut?: DataRows;
}

/**
 * Reads the files that the options name, and divides the first where a share of it is held out.
 *
 * @throws InputError when a file or a part has no rows
 */
export async function readTrainingData(
  flags: Pick<TrainingFlags, "data" | "evalData" | "evalFraction" | "seed">,
): Promise<TrainingData> {
  const { data, evalData, evalFraction, seed } = flags;
  const all = await readData(data);
  if (evalData !== undefined) return { train: all, heldOut: await readData(evalData) };
  if (evalFraction === undefined) return { train: all };
  const parts = splitRows(all.rows, {
    parts: { train: 1 - evalFraction, heldOut: evalFraction },
    seed,
  });
  for (const part of ["train", "heldOut"] as const) {
    if (parts[part].length > 0) continue;
    const what = part === "train" ? "to train on" : "held out";
    throw new InputError(
      `Cannot divide the ${all.rows.length} rows of ${data} by --eval-fraction ${evalFraction}: none is ${what}; ` +
        "change the share, or give held-out rows as --eval-data",
    );
  }
  return {
    train: { name: data, rows: parts.train },
    heldOut: { name: `${data} (held out)`, rows: parts.heldOut },
  };
}

async function readData(file: string): Promise<DataRows> {
  const rows = await loadRows(file);
  if (rows.length === 0) {
    throw new InputError(`Cannot use ${file}: it has no rows, expected at least one example`);
  }
  return { name: file, rows };
}

/**
 * The template of an option: a text with `{columns}`, or the name of one column. A column that the data lacks
 * is a problem.
 */
export function readTemplate(
  option: string,
  template: string,
  { train, heldOut }: TrainingData,
  problems: Problems,
): Prompt | undefined {
  const whole = /[{}]/.test(template) ? template : `{${template}}`;
  const parse = ({ name, rows }: DataRows) =>
    problems.attempt(
      `${option} is ${JSON.stringify(template)}, used on ${name}`,
      () => parsePrompt(whole, Object.keys(rows[0]!)),
    );
  const prompt = parse(train);
  if (prompt && heldOut) parse(heldOut);
  return prompt;
}

/** Fills a template; the error of a row that lacks a column says which row. */
export function fill(prompt: Prompt, { name, rows }: DataRows, index: number): string {
  try {
    return prompt.render(rows[index]!);
  } catch (cause) {
    throw new InputError(`Cannot use row ${index + 1} of ${name}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
