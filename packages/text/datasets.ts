import { describeJson, InputError, isJsonObject } from "@decorum/tensor";
import { extname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CsvError, type Info, parse } from "csv-parse";
import { type Line, readLines } from "./lines.ts";
import { messagesOf, messagesText } from "./messages.ts";

/** One example: column name to text. */
export type Row = Readonly<Record<string, string>>;

/** A row and where it came from. */
interface LocatedRow {
  readonly row: Row;
  /** The line its text begins at, from 1. */
  readonly line: number;
}

/** Options of {@link readRows}. */
interface ReadOptions {
  /** By default the file's extension: `.csv` or `.tsv`, `.jsonl` or `.ndjson`. */
  readonly format?: "csv" | "jsonl";
  /** The columns that every row must have; rows are returned with these alone. */
  readonly columns?: readonly string[];
  /** What a list of messages, as TRL has them, becomes: its text, which is the default, or JSON. */
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
  const rows = format === "csv" ? readCsv(path) : readJsonl(path, options);
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
    `Cannot read rows from ${path}: its extension is "${extension}", expected .csv, .tsv, .jsonl or .ndjson; ${
      [".gz", ".xz", ".zst", ".bz2", ".zip"].includes(extension)
        ? "unpack the file first"
        : "convert the file to one of these, or name it as what it is"
    }`,
  );
}

function pick(row: Row, columns: readonly string[], where: string): Row {
  return Object.fromEntries(
    columns.map((column) => [column, columnOf(row, column, `Cannot read ${where}`)]),
  );
}

/** Column names as an error message lists them. */
export function listColumns(columns: readonly string[]): string {
  return columns.length === 0 ? "none" : columns.map((column) => `"${column}"`).join(", ");
}

/**
 * The text of one column of a row.
 *
 * @throws InputError when the row lacks it; `action` begins the message ("Cannot fill the prompt").
 */
export function columnOf(row: Row, column: string, action: string): string {
  const value = Object.hasOwn(row, column) ? row[column] : undefined;
  if (value !== undefined) return value;
  throw new InputError(
    `${action}: there is no column "${column}"; the columns are ${listColumns(Object.keys(row))}`,
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

/**
 * The rows of a CSV file (RFC 4180): commas, a header row, quotes doubled inside quotes, line breaks
 * allowed inside quotes and kept as they are. Semicolons or tabs separate the fields where the header has these and
 * no comma, tabs in a file called `.tsv` in any case. One column may have an empty name, as the index that pandas writes has.
 *
 * @throws InputError when the header is missing or repeats a name.
 * @throws InputError for broken quoting, or a row with more or fewer fields than the header.
 */
async function* readCsv(path: string): AsyncGenerator<LocatedRow, void, undefined> {
  let header: readonly string[] | undefined;
  for await (const { record, info } of readRecords(path)) {
    // `info.lines` is the line that the record ends on.
    const line = info.lines -
      record.reduce((n, field) => n + field.split(/\r?\n|\r/).length - 1, 0);
    if (header === undefined) {
      header = checkHeader(record, path);
    } else {
      if (record.length !== header.length) {
        throw new InputError(
          `Cannot read ${path}, line ${line}: the row has ${record.length} fields, the header ${header.length} (${
            listColumns(header)
          }); quote a field that contains the separator`,
        );
      }
      yield { row: Object.fromEntries(header.map((name, i) => [name, record[i] ?? ""])), line };
    }
  }
  if (header === undefined) {
    throw new InputError(`Cannot read ${path}: it has no header row, the file is empty`);
  }
}

function checkHeader(header: readonly string[], path: string): readonly string[] {
  header.forEach((name, i) => {
    if (header.indexOf(name) !== i) {
      throw new InputError(
        `Cannot read ${path}: the header names "${name}" twice, as columns ${
          header.indexOf(name) + 1
        } and ${i + 1}`,
      );
    }
  });
  return header;
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: Info;
}

async function* readRecords(path: string): AsyncGenerator<Parsed, void, undefined> {
  const lines = readLines(path);
  const first = await lines.next();
  if (first.done) return;
  const parser = parse({
    info: true,
    delimiter: extname(path).toLowerCase() === ".tsv" ? "\t" : separatorOf(first.value.text),
    record_delimiter: first.value.ending === "\r" ? "\r" : ["\r\n", "\n"],
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // Leaving the loop early closes the parser, which rejects this promise and closes the file.
  pipeline(Readable.from(textOf(first.value, lines)), parser).catch(() => {});
  try {
    for await (const parsed of parser) yield parsed as Parsed;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new InputError(
      `Cannot read ${path}, line ${String(cause.lines)}: ${cause.message} (${cause.code}); ` +
        `quote fields that contain quotes, commas or line breaks, and double the quotes inside`,
      { cause },
    );
  }
}

/** What separates the fields, by the first line: RFC 4180's comma, or what spreadsheets write elsewhere. */
function separatorOf(header: string): string {
  const bare = header.replace(/"[^"]*"?/g, "");
  return [",", ";", "\t"].find((separator) => bare.includes(separator)) ?? ",";
}

async function* textOf(first: Line, rest: AsyncIterable<Line>): AsyncGenerator<string> {
  yield first.text + first.ending;
  for await (const { text, ending } of rest) yield text + ending;
}

/**
 * The rows of a JSON Lines file: one object a line. Numbers, arrays and objects are the text that is written there:
 * 9007199254740993 and 1.0 do not change.
 *
 * @throws InputError for a line that is not JSON, or not an object
 * @throws InputError for a message without a text, in a column that is asked for
 */
async function* readJsonl(
  path: string,
  { columns, messages = "text" }: ReadOptions,
): AsyncGenerator<LocatedRow, void, undefined> {
  for await (const { text, number } of readLines(path)) {
    if (text.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new InputError(
        `Cannot read ${path}, line ${number}: expected one JSON object, but ${reason}`,
        { cause },
      );
    }
    if (!isJsonObject(value)) {
      throw new InputError(
        `Cannot read ${path}, line ${number}: expected a JSON object, found ${describeJson(value)}`,
      );
    }
    const written = jsonMembers(text);
    const row = Object.fromEntries(
      Object.entries(value).map(([column, field]) => {
        if (typeof field === "string") return [column, field];
        if (field === null) return [column, ""];
        const asText = messages === "text" && (columns?.includes(column) ?? true);
        const list = asText
          ? messagesOf(field, `Cannot read ${path}, line ${number}, column "${column}"`)
          : undefined;
        return [column, list ? messagesText(list) : written.get(column) ?? ""];
      }),
    );
    yield { row, line: number };
  }
}

/** The values of a JSON object by their keys, as they are written but for spaces and escapes. The text must be valid. */
export function jsonMembers(object: string): Map<string, string> {
  const members = new Map<string, string>();
  const tokens = object.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g);
  let depth = 0;
  let key: string | undefined;
  let value = "";
  for (const [token] of tokens) {
    if (/^[{[]$/.test(token)) depth++;
    if (/^[}\]]$/.test(token)) depth--;
    const ends = depth === 0 || (depth === 1 && token === ",");
    if (ends) {
      if (key !== undefined) members.set(key, value);
      key = undefined;
      value = "";
    } else if (key === undefined) {
      if (token.startsWith('"')) key = JSON.parse(token) as string;
    } else if (value !== "" || token !== ":") {
      value += token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token;
    }
  }
  return members;
}
