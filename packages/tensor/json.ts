import { readFileSync } from "node:fs";
import { InputError } from "./tensor.ts";

/** A JSON object as parsed, before any field of it has been checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object: neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a JSON value is, in the words of an error message. */
export function describeJson(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return `${typeof value} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}

/**
 * The object in a JSON file (UTF-8; a byte-order mark is skipped).
 *
 * @throws InputError when the file cannot be read or holds anything else, naming the file
 */
export function readJson(path: string): JsonObject {
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    throw new InputError(`Cannot read JSON file ${path}: ${(cause as Error).message}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const found = text.startsWith("version https://git-lfs")
      ? "it is a Git LFS pointer: run `git lfs pull` in its folder"
      : `${(cause as Error).message} (${text.length} characters read); download the file again`;
    throw new InputError(`Cannot parse ${path} as JSON: ${found}`, { cause });
  }
  if (isJsonObject(value)) return value;
  throw new InputError(
    `Cannot use ${path}: its outermost value is ${describeJson(value)}, expected an object`,
  );
}

/**
 * The first key that occurs twice in one object of a JSON text, which `JSON.parse` lets pass
 * silently; undefined when there is none. The text must be valid JSON.
 */
export function repeatedJsonKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const end = stringEnd(text, at);
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** The position after the closing quote of the string that starts at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1;; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (/\s/.test(text[at] ?? "")) at++;
  return text[at] === ":";
}
