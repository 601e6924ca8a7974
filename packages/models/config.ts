import { InputError, type JsonObject } from "@decorum/tensor";
import { z } from "zod";

/** The field `architectures`: absent, or naming one of the classes of transformers that the graphs are. */
export function architectures(...known: readonly string[]) {
  const fits = (names: readonly string[]) =>
    names.length === 0 || names.some((name) => known.includes(name));
  return z.array(z.string()).nullish().refine((names) => !names || fits(names), {
    error: `expected ${known.map((name) => `"${name}"`).join(" or ")}`,
  });
}

/** A number of `config.json` that only a new model is made by. @throws InputError naming file and field */
export function numberField(
  config: JsonObject,
  source: string,
  field: string,
  otherwise: number,
): number {
  const found = config[field] ?? otherwise;
  if (typeof found === "number" && Number.isFinite(found) && found >= 0) return found;
  throw new InputError(
    `Cannot use ${source}: field "${field}" is ${JSON.stringify(found)}; expected a number`,
  );
}

/**
 * Checks a JSON object against `schema`.
 *
 * @param names what the file calls fields that the schema calls otherwise
 * @throws InputError naming the file and every field that is missing or wrong
 */
export function parseJson<S extends z.ZodType>(
  json: JsonObject,
  source: string,
  schema: S,
  names: Readonly<Record<string, string>> = {},
): z.infer<S> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      json,
    );
    const [first, ...rest] = issue.path.map(String);
    return `field "${[names[first!] ?? first, ...rest].join(".")}" is ${show(found)}: ${
      expectation(issue.message)
    }`;
  });
  throw new InputError(`Cannot use ${source}: ${problems.join("; ")}`);
}

/** What a schema's message says that it expects; what was found is shown in our own words. */
export function expectation(message: string): string {
  return message.replace(/^(Invalid \w+|Too \w+): /, "").replace(/, received \w+$/, "");
}

function show(found: unknown): string {
  return found === undefined ? "missing" : JSON.stringify(found);
}

/** What `problem_type` says of a classifier's logits. */
export type ProblemType =
  | "single_label_classification"
  | "multi_label_classification"
  | "regression";

/** The fields of a classifier's labels; a name that is written as a number or a truth value is its text. */
export const labelFields = {
  problem_type: z.enum(["single_label_classification", "multi_label_classification", "regression"])
    .nullish(),
  id2label: z.record(
    z.string(),
    z.union([z.string(), z.number(), z.boolean()]).transform(String),
  ).refine(
    (names) => Object.keys(names).every((id) => /^\d+$/.test(id)),
    { error: "expected integers as label ids" },
  ).nullish(),
  num_labels: z.int().positive().nullish(),
};

/** Label names by class index; without `id2label` they are transformers' LABEL_0, LABEL_1, .. */
export function labelNames(
  { id2label, num_labels }: {
    readonly id2label?: Readonly<Record<string, string>> | null | undefined;
    readonly num_labels?: number | null | undefined;
  },
  source: string,
): string[] {
  if (!id2label) return Array.from({ length: num_labels ?? 2 }, (_, i) => `LABEL_${i}`);
  const ids = Object.keys(id2label).map(Number).sort((a, b) => a - b);
  const missing = ids.findIndex((id, i) => id !== i);
  if (missing >= 0) {
    throw new InputError(
      `Cannot use ${source}: field "id2label" has no label ${missing}; expected 0 to ${
        ids.length - 1
      }`,
    );
  }
  return ids.map((id) => id2label[String(id)]!);
}
