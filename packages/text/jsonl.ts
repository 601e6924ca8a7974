import { describeJson, InputError, isJsonObject } from "@decorum/tensor";
import { readLines } from "./lines.ts";
import { messagesOf, messagesText } from "./messages.ts";
import type { LocatedRow } from "./row.ts";

/**
 * The rows of a JSON Lines file: one object a line. Numbers, arrays and objects are the text that is written there:
 * 9007199254740993 and 1.0 do not change.
 *
 * @param messages what becomes of a list of messages: its text, or JSON as of any other array
 * @throws InputError for a line that is not JSON, or not an object
 */
export async function* readJsonl(
  path: string,
  messages: "text" | "json" = "text",
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
        const list = messages === "text" ? messagesOf(field) : undefined;
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
