import { InputError } from "@decorum/tensor";
import { extname } from "node:path";
import { readCsv } from "./csv.ts";
import { readJsonl } from "./jsonl.ts";
import { columnOf, type Row } from "./row.ts";

/** Options of {@link readRows}. */
interface ReadOptions {
  /** By default the file's extension: `.csv` or `.tsv`, `.jsonl` or `.ndjson`. */
  readonly format?: "csv" | "jsonl";
  /** The columns that every row must have; rows are returned with these alone. */
  readonly columns?: readonly string[];
  /** What becomes of a list of messages, as TRL has them: its text, which is the default, or JSON. */
  readonly messages?: "text" | "json";
}

/**
 * The rows of a CSV file (with a header row) or a JSON Lines file, read as they are asked for. Of a
 * JSONL row, numbers and booleans become their text as it is written, null the empty text, a list of
 * messages the text of the messages, and other arrays and objects their JSON. Empty lines are skipped.
 *
 * @throws InputError when a column is missing (listing the columns) or the format is not known.
 * @throws InputError for a malformed line, naming file and line.
 * @throws Error when the file cannot be read.
 */
export async function* readRows(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<Row, void, undefined> {
  const format = options.format ?? formatOf(path);
  const { columns } = options;
  const rows = format === "csv" ? readCsv(path) : readJsonl(path, options.messages);
  for await (const { row, line } of rows) {
    yield columns === undefined ? row : pick(row, columns, `${path}, line ${line}`);
  }
}

/** All rows of a file at once; see {@link readRows}. */
export async function loadRows(path: string, options: ReadOptions = {}): Promise<Row[]> {
  return await Array.fromAsync(readRows(path, options));
}

function formatOf(path: string): "csv" | "jsonl" {
  const extension = extname(path).toLowerCase();
  if (extension === ".csv" || extension === ".tsv") return "csv";
  if (extension === ".jsonl" || extension === ".ndjson") return "jsonl";
  throw new InputError(
    `Cannot read rows from ${path}: its extension is "${extension}", expected .csv, .tsv, .jsonl or .ndjson`,
  );
}

function pick(row: Row, columns: readonly string[], where: string): Row {
  return Object.fromEntries(
    columns.map((column) => [column, columnOf(row, column, `Cannot read ${where}`)]),
  );
}

/**
 * True for rows whose text in `column` has from `min` to `max` characters, both included.
 * Characters are Unicode code points, as Python's `len` counts them.
 *
 * @throws InputError (when called on a row) if the row lacks the column.
 */
export function lengthBetween(
  column: string,
  limits: { readonly min?: number; readonly max?: number },
): (row: Row) => boolean {
  const { min = 0, max = Infinity } = limits;
  if (!(min <= max)) {
    throw new InputError(`Cannot filter column "${column}" by ${min} to ${max} characters`);
  }
  return (row) => {
    let length = 0;
    for (const _ of columnOf(row, column, "Cannot filter rows by length")) length++;
    return length >= min && length <= max;
  };
}
