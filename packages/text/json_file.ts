import { InputError } from "@decorum/tensor";
import { readFileSync } from "node:fs";

/** A JSON object as parsed, before any field of it has been checked. */
export type JsonObject = { readonly [field: string]: unknown };

/** True for a JSON object: neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a JSON value is, in the words an error message uses. */
export function describeJson(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return `${typeof value} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}

/**
 * The object in the JSON file at `path` (UTF-8, a byte-order mark is skipped).
 *
 * @throws InputError when the file is not valid JSON.
 * @throws InputError when the JSON is not an object.
 */
export function readJsonObject(path: string): JsonObject {
  const text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(
      `Cannot read ${path}: expected JSON, but ${reason} (${text.length} characters read); download the file again`,
      { cause },
    );
  }
  if (!isJsonObject(value)) {
    throw new InputError(
      `Cannot read ${path}: expected a JSON object, found ${describeJson(value)}`,
    );
  }
  return value;
}

/**
 * The field `name` of `object` as a string; undefined where it is absent or null.
 *
 * @throws InputError when the field holds anything else; `where` names the file in the message.
 */
export function optionalString(
  object: JsonObject,
  name: string,
  where: string,
): string | undefined {
  const value = object[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new InputError(
    `Cannot use field "${name}" of ${where}: expected a string, found ${describeJson(value)}`,
  );
}

/**
 * The field `name` of `object` as a boolean; undefined where it is absent or null.
 *
 * @throws InputError when the field holds anything else; `where` names the file in the message.
 */
export function optionalBoolean(
  object: JsonObject,
  name: string,
  where: string,
): boolean | undefined {
  const value = object[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw new InputError(
    `Cannot use field "${name}" of ${where}: expected true or false, found ${describeJson(value)}`,
  );
}
