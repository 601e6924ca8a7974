import type { z } from "zod";
import type { JsonObject } from "./config.ts";

/**
 * The fields of a model's `config.json`, checked against `schema`.
 *
 * @param source names the file in messages
 * @throws TypeError naming the file and every field that is missing or wrong; for another
 * architecture, what was found and what this project knows.
 */
export function parseConfigJson<S extends z.ZodType>(
  json: JsonObject,
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
