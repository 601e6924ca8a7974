import { InputError } from "@decorum/tensor";
import { readFileSync } from "node:fs";

/** A parsed JSON object whose fields are still to be checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON file whose outermost value is an object.
 *
 * @throws Error when the file is missing or unreadable; InputError when it holds anything but a JSON
 * object. Both name the file.
 */
export function readJson(path: string): JsonObject {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new InputError(`Cannot read JSON file ${path}: ${(cause as Error).message}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const found = text.startsWith("version https://git-lfs")
      ? "it is a Git LFS pointer: run `git lfs pull` in its folder"
      : (cause as Error).message;
    throw new InputError(`Cannot parse ${path} as JSON: ${found}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const kind = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
    throw new InputError(`Cannot use ${path}: its outermost value is ${kind}, expected an object`);
  }
  return value as JsonObject;
}
