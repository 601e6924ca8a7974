import { z } from "zod";

/**
 * What a setting names, where that is more than a number or a word. Deno permissions, downloads, `decorum doctor` and
 * the chart's schema go by it.
 */
export type Kind =
  /** A folder with a model or an adapter, or its name on the hub. */
  | "model"
  /** The same in ONNX, for the judge. */
  | "onnx"
  /** A file with data, or its name on the hub. */
  | "data"
  /** "host:port" that the service opens. */
  | "listen"
  /** "host:port" of a service that is called. */
  | "service"
  /** A URL that is called. */
  | "url"
  /** A folder that the service writes to. */
  | "folder"
  /** A folder that may be read. */
  | "readable"
  /** A PEM file with certificates. */
  | "certificate"
  /** A file with something that nobody else may know. It is never shown. */
  | "secret";

declare module "zod" {
  interface GlobalMeta {
    /** What one of it is: "s", "tokens". */
    unit?: string;
    kind?: Kind;
  }
}

/** A setting as its schema describes it. */
export interface Field {
  /** Dotted name from the section's own, as `policy.limits.max_prompts`. */
  readonly name: string;
  readonly description: string;
  /** What values it takes, in words. */
  readonly type: string;
  readonly unit?: string;
  readonly kind?: Kind;
  /** Whether it has to be given. */
  readonly required: boolean;
  /** What it is when it is not given; undefined where it has to be, and for groups of fields. */
  readonly default?: unknown;
  /** For those that have to be given. */
  readonly example?: unknown;
  /** Whether it is null or a group of fields, which follow it. */
  readonly group: boolean;
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Fields of a schema in its order, with those inside of groups. @param at what their names begin with: the section */
export function fieldsOf(at: string, schema: z.ZodType): Field[] {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return fieldsIn(json, at);
}

function fieldsIn(object: JsonSchema, at: string): Field[] {
  return Object.entries(object.properties ?? {}).flatMap(([key, value]) => {
    const schema = value as JsonSchema;
    const name = at === "" ? key : `${at}.${key}`;
    const inner = branches(schema).find(({ properties }) => properties !== undefined);
    const optional = inner !== undefined && "default" in schema && schema.default !== null;
    const found = <K extends string>(word: K) =>
      [schema, ...branches(schema)].map((one) => one[word]).find((one) => one !== undefined);
    const field: Field = {
      name,
      description: (found("description") ?? "") as string,
      type: typeText(schema),
      ...(found("unit") === undefined ? {} : { unit: found("unit") as string }),
      ...(found("kind") === undefined ? {} : { kind: found("kind") as Kind }),
      required: object.required?.includes(key) ?? false,
      ...("default" in schema && !optional ? { default: schema.default } : {}),
      ...(found("examples") === undefined ? {} : { example: (found("examples") as unknown[])[0] }),
      group: inner !== undefined,
    };
    return [field, ...(inner === undefined ? [] : fieldsIn(inner, name))];
  });
}

/** The alternatives of a schema, or the schema itself. */
function branches(schema: JsonSchema): JsonSchema[] {
  const { anyOf } = schema;
  return anyOf === undefined ? [schema] : (anyOf as JsonSchema[]).flatMap(branches);
}

/** What a schema takes, in words: "whole number >= 1, or null". */
function typeText(schema: JsonSchema): string {
  const words = branches(schema).map((one) => {
    if (one.enum !== undefined) return (one.enum as unknown[]).join(", ");
    switch (one.type) {
      case "integer":
        return `whole number${range(one, 1)}`;
      case "number":
        return `number${range(one, 0)}`;
      case "string":
        return "text";
      case "boolean":
        return "true, false";
      case "array":
        return `list of ${typeText(one.items as JsonSchema).replace(/^text$/, "texts")}`;
      case "object":
        return one.properties === undefined ? "map" : "group";
      default:
        return String(one.type);
    }
  });
  return [...new Set(words)].join(", or ");
}

function range(schema: JsonSchema, step: 0 | 1): string {
  const { minimum, exclusiveMinimum: above, maximum, exclusiveMaximum: below } = schema;
  const least = minimum ?? (step === 1 && typeof above === "number" ? above + 1 : undefined);
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const parts = [
    ...(least !== undefined && least > Number.MIN_SAFE_INTEGER ? [`>= ${least}`] : []),
    ...(least === undefined && above !== undefined ? [`> ${above}`] : []),
    ...(most !== undefined ? [`<= ${most}`] : []),
    ...(below !== undefined ? [`< ${below}`] : []),
  ];
  return parts.length === 0 ? "" : ` ${parts.join(", ")}`;
}
