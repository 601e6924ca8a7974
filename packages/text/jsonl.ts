import { InputError } from "@decorum/tensor";
import { describeJson, isJsonObject } from "./json_file.ts";
import { readLines } from "./lines.ts";
import type { LocatedRow } from "./row.ts";

/**
 * The rows of a JSON Lines file: one object a line.
 *
 * @throws InputError for a line that is not JSON, InputError for one that is not an object.
 */
export async function* readJsonl(path: string): AsyncGenerator<LocatedRow, void, undefined> {
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
    const row = Object.fromEntries(
      Object.entries(value).map(([column, field]) => [column, textOf(field)]),
    );
    yield { row, line: number };
  }
}

function textOf(field: unknown): string {
  if (typeof field === "string") return field;
  return field === null ? "" : JSON.stringify(field);
}
