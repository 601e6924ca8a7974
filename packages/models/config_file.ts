import { InputError } from "@decorum/tensor";
import { z } from "zod";
import type { JsonObject } from "./config.ts";

/** The field `architectures`: absent, or naming one of the classes of transformers that the graphs are. */
export function architectures(...known: readonly string[]) {
  const fits = (names: readonly string[]) =>
    names.length === 0 || names.some((name) => known.includes(name));
  return z.array(z.string()).nullish().refine((names) => !names || fits(names), {
    error: `expected ${known.map((name) => `"${name}"`).join(" or ")}`,
  });
}

/**
 * Checks `config.json` of a model against `schema`.
 *
 * @param source names the file in messages
 * @throws InputError naming the file and every field that is missing or wrong; for another
 * architecture, what was found and what this project knows.
 */
export function parseConfigJson<S extends z.ZodType>(
  json: JsonObject,
  source: string,
  modelTypes: readonly string[],
  schema: S,
): z.infer<S> {
  const modelType = json["model_type"];
  if (typeof modelType !== "string" || !modelTypes.includes(modelType)) {
    throw new InputError(
      `Cannot use ${source}: field "model_type" is ${show(modelType)}; expected ${
        modelTypes.map((t) => `"${t}"`).join(" or ")
      }`,
    );
  }
  return parseJson(json, source, schema);
}

/**
 * Checks a JSON object against `schema`.
 *
 * @throws InputError naming the file and every field that is missing or wrong
 */
export function parseJson<S extends z.ZodType>(
  json: JsonObject,
  source: string,
  schema: S,
): z.infer<S> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      json,
    );
    return `field "${issue.path.join(".")}" is ${show(found)}: ${issue.message}`;
  });
  throw new InputError(`Cannot use ${source}: ${problems.join("; ")}`);
}

function show(found: unknown): string {
  return found === undefined ? "missing" : JSON.stringify(found);
}
