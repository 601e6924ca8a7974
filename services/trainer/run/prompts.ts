import type { Algorithm, Prompt } from "@decorum/algorithms";
import { InputError } from "@decorum/tensor";
import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import {
  lengthBetween,
  loadRows,
  parsePrompt,
  readRows,
  type Row,
  splitRows,
  type Tokenizer,
} from "@decorum/text";
import { rewardTermsOf, type RunConfig } from "@decorum/settings";

/** A prompt to evaluate on. */
export interface HeldOutPrompt {
  readonly key: string;
  readonly prompt: string;
  readonly reference?: string;
  /** The row of the data. */
  readonly rowJson: string;
}

export interface RunPrompts {
  readonly train: readonly Prompt[];
  /** Empty where the run is not evaluated. */
  readonly heldOut: readonly HeldOutPrompt[];
  /** Prompts left out since they were over the length. */
  readonly dropped: number;
}

/**
 * The prompts of a run.
 *
 * @throws InputError or Error naming the file and the field: no such file or column, nothing
 * left to train on, a prompt over the length.
 */
export async function loadPrompts(
  config: RunConfig,
  { settings, responses }: Algorithm,
  sources: { readonly train: string; readonly eval: string | null },
  tokenizer: Tokenizer,
): Promise<RunPrompts> {
  const { data, evaluate, seed } = config;
  const needed = settings.batch_size / responses;
  const ownCode = rewardTermsOf(config).some(({ kind }) => kind === "code");
  const rows = await readFile(sources.train, "data.train", data, ownCode);
  const parts = data.split === null
    ? { train: rows.rows }
    : splitRows(rows.rows, { parts: data.split, seed });
  const chosen = part(parts, "train", "data.split");
  const prompts: Prompt[] = [];
  for (const row of chosen) {
    prompts.push(promptOf(row, rows.render(row), data, tokenizer));
    // Tens of thousands take half a minute, in which the service has to answer its clients' keepalive.
    if (prompts.length % 256 === 0) await setImmediate();
  }
  const { kept, dropped } = withinLength(prompts, data);
  if (kept.length < needed) {
    throw new InputError(
      `Cannot train on ${data.train}: ${kept.length} prompts are left of ${rows.read} rows ` +
        `(${rows.read - rows.rows.length} by data.min_chars and data.max_chars, ` +
        `${
          rows.rows.length - chosen.length
        } in other parts, ${dropped} over data.max_prompt_tokens); ` +
        `expected at least ${needed}, ${config.algorithm}.batch_size` +
        (responses > 1 ? " over the responses to a prompt" : ""),
    );
  }
  if (evaluate.every_steps === 0) return { train: kept, heldOut: [], dropped };
  const held = sources.eval === null
    ? { rows: part(parts, data.eval_split, "data.split"), render: rows.render }
    : await readFile(sources.eval, "data.eval", data, ownCode);
  const heldOut = held.rows.slice(0, evaluate.prompts).map((row, i): HeldOutPrompt => ({
    key: `held-out-${i}`,
    prompt: held.render(row),
    rowJson: JSON.stringify(row),
    ...(data.reference_column === null ? {} : { reference: row[data.reference_column] ?? "" }),
  }));
  if (heldOut.length < 2) {
    throw new InputError(
      `Cannot evaluate on ${
        data.eval ?? `part "${data.eval_split}" of ${data.train}`
      }: ${heldOut.length} prompts are left; expected at least 2, or evaluate.every_steps 0`,
    );
  }
  return { train: kept, heldOut, dropped };
}

/**
 * Checks that no prompt is longer than every policy takes.
 *
 * @throws InputError naming the longest, and where the limit comes from
 */
export function checkPromptLengths(
  prompts: readonly Prompt[],
  limit: number,
  source: string,
): void {
  const over = prompts.filter(({ ids }) => ids.length > limit);
  if (over.length === 0) return;
  const longest = over.reduce((a, b) => (b.ids.length > a.ids.length ? b : a));
  throw new InputError(
    `${over.length} of ${prompts.length} prompts are over ${limit} tokens (${source}); the longest has ` +
      `${longest.ids.length} and begins ${
        JSON.stringify(longest.text.slice(0, 60))
      }; lower data.max_chars, ` +
      'or set data.max_prompt_tokens with data.over_length "drop"',
  );
}

async function readFile(
  path: string,
  field: string,
  data: RunConfig["data"],
  everything = false,
): Promise<{ read: number; rows: Row[]; render: (row: Row) => string }> {
  if (!existsSync(path)) throw new InputError(`Cannot read ${field}: there is no file ${path}`);
  const format = data.format === null ? {} : { format: data.format };
  const { value: first } = await readRows(path, format).next();
  if (!first) throw new InputError(`Cannot train on ${path} (${field}): it has no rows`);
  const present = Object.keys(first);
  const prompt = parsePrompt(data.prompt, present);
  const { length_column: lengthColumn, reference_column: reference } = data;
  const named = [
    ["data.length_column", lengthColumn],
    ["data.reference_column", reference],
    ...(data.columns ?? []).map((column) => ["data.columns", column] as const),
  ] as const;
  for (const [from, column] of named) {
    if (column === null || present.includes(column)) continue;
    throw new InputError(
      `Cannot read ${path}: there is no column "${column}" (${from}); the columns are ${
        present.map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  // A reward of one's own may look at any column.
  const wanted = everything
    ? present
    : named.flatMap(([, column]) => column === null ? [] : [column]);
  const columns = [...new Set([...prompt.columns, ...wanted])];
  const all = await loadRows(path, { ...format, columns });
  const measured = lengthColumn ?? prompt.columns[0];
  const { min_chars: min, max_chars: max } = data;
  const fits = measured === undefined
    ? () => true
    : lengthBetween(measured, { min, ...(max === null ? {} : { max }) });
  return { read: all.length, rows: all.filter(fits), render: (row) => prompt.render(row) };
}

function promptOf(
  row: Row,
  text: string,
  { reference_column: column }: RunConfig["data"],
  tokenizer: Tokenizer,
): Prompt {
  const reference = column === null ? undefined : row[column];
  return {
    ...{ text, ids: tokenizer.encode(text).ids, row },
    ...(reference === undefined ? {} : { reference }),
  };
}

function withinLength(prompts: readonly Prompt[], data: RunConfig["data"]) {
  const { max_prompt_tokens: limit, over_length: over } = data;
  if (limit === null) return { kept: prompts, dropped: 0 };
  if (over === "error") checkPromptLengths(prompts, limit, "data.max_prompt_tokens");
  const kept = prompts.filter(({ ids }) => ids.length <= limit);
  return { kept, dropped: prompts.length - kept.length };
}

function part(parts: Readonly<Record<string, Row[]>>, name: string, field: string): Row[] {
  const found = Object.hasOwn(parts, name) ? parts[name] : undefined;
  if (found) return found;
  throw new InputError(
    `Cannot use part "${name}": ${field} has ${Object.keys(parts).map((p) => `"${p}"`).join(", ")}`,
  );
}
