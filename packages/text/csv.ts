import { InputError } from "@decorum/tensor";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CsvError, type Info, parse } from "csv-parse";
import { type Line, readLines } from "./lines.ts";
import { listColumns, type LocatedRow } from "./row.ts";

/**
 * The rows of a CSV file (RFC 4180): commas, a header row, quotes doubled inside quotes, line breaks
 * allowed inside quotes and kept as they are. Semicolons or tabs separate the fields where the header has these and
 * no comma. One column may have an empty name, as the index that pandas writes has.
 *
 * @throws InputError when the header is missing or repeats a name.
 * @throws InputError for broken quoting, or a row with more or fewer fields than the header.
 */
export async function* readCsv(path: string): AsyncGenerator<LocatedRow, void, undefined> {
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
    delimiter: separatorOf(first.value.text),
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
