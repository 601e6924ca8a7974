import { join } from "node:path";
import type { z } from "zod";
import { readJson } from "./config.ts";

/**
 * `config.json` of a model folder, checked against `schema`.
 *
 * @throws TypeError naming the file and every field that is missing or wrong; for another
 * architecture, what was found and what this project knows.
 */
export function loadConfigFile<S extends z.ZodType>(
  folder: string,
  modelTypes: readonly string[],
  schema: S,
): z.infer<S> {
  const file = join(folder, "config.json");
  const json = readJson(file);
  return parseConfigJson(json, file, modelTypes, schema);
}

/** The same for JSON that is already read; `source` names it in messages. */
export function parseConfigJson<S extends z.ZodType>(
  json: Readonly<Record<string, unknown>>,
  source: string,
  modelTypes: readonly string[],
  schema: S,
): z.infer<S> {
  const modelType = json["model_type"];
  if (!modelTypes.includes(String(modelType))) {
    throw new TypeError(
      `Cannot use ${source}: field "model_type" is ${JSON.stringify(modelType)}; expected ${
        modelTypes.map((t) => `"${t}"`).join(" or ")
      }`,
    );
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const field = issue.path.join(".") || "(whole file)";
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      json,
    );
    return `field "${field}" is ${
      found === undefined ? "missing" : JSON.stringify(found)
    }: ${issue.message}`;
  });
  throw new TypeError(`Cannot use ${source}: ${problems.join("; ")}`);
}
