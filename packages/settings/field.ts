import { z } from "zod";
import { isJsonObject } from "@decorum/tensor";

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
  /** "host:port" of a service of Decorum that is called; `service` says which. */
  | "service"
  /** "host:port", or a URL, of another system that is called. */
  | "server"
  /** A URL that is called. */
  | "url"
  /** A folder that the service writes to. */
  | "folder"
  /** A file or folder that may be read. */
  | "readable"
  /** A PEM file with certificates. */
  | "certificate"
  /** A file with something that nobody else may know. It is never shown. */
  | "secret";

/** A service that others call. */
export type ServiceOfCall = "policy" | "reward" | "evaluator" | "learner" | "trainer";

declare module "zod" {
  interface GlobalMeta {
    /** What one of it is: "s", "tokens". */
    unit?: string;
    kind?: Kind;
    service?: ServiceOfCall;
  }
}

/** A setting as its schema describes it. */
export interface Field {
  /** Dotted name, as `policy.limits.max_prompts`; a field of a list's items as `rewards[].name`. */
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
  return fieldsIn(jsonSchemaOf(schema), at);
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}

function fieldsIn(object: JsonSchema, at: string): Field[] {
  return Object.entries(object.properties ?? {}).flatMap(([key, value]) => {
    const schema = value as JsonSchema;
    // It says which kind of item this is, and is part of the name.
    if (schema.const !== undefined) return [];
    const name = at === "" ? key : `${at}.${key}`;
    const inner = groupsIn(schema);
    const own = inner.some(({ suffix }) => suffix === "");
    const optional = own && "default" in schema && schema.default !== null;
    const unit = meta(schema, "unit") as string | undefined;
    const kind = meta(schema, "kind") as Kind | undefined;
    const examples = meta(schema, "examples") as unknown[] | undefined;
    const field: Field = {
      name,
      description: (meta(schema, "description") ?? "") as string,
      type: typeText(schema),
      ...(unit === undefined ? {} : { unit }),
      ...(kind === undefined ? {} : { kind }),
      required: object.required?.includes(key) ?? false,
      ...("default" in schema && !optional ? { default: schema.default } : {}),
      ...(examples === undefined ? {} : { example: examples[0] }),
      group: own,
    };
    return [field, ...inner.flatMap((one) => fieldsIn(one.schema, name + one.suffix))];
  });
}

/** What a schema, or else one of its alternatives, says of itself. */
function meta(schema: JsonSchema, word: string): unknown {
  return [schema, ...branches(schema)].map((one) => one[word]).find((one) => one !== undefined);
}

/** The groups of fields that a value may be, or that the items of a list may be. */
function groupsIn(schema: JsonSchema): { readonly suffix: string; readonly schema: JsonSchema }[] {
  return branches(schema).flatMap((one) => {
    if (one.properties !== undefined) return [{ suffix: "", schema: one }];
    if (one.type !== "array") return [];
    const items = branches(one.items as JsonSchema).filter(({ properties }) => properties);
    return items.map((item) => ({ suffix: `[${constants(item)[0]?.[1] ?? ""}]`, schema: item }));
  });
}

/** Fields that can only be one value: they tell the alternatives of a union apart. */
function constants(schema: JsonSchema): [string, unknown][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, one]) => {
    const { const: value } = one as JsonSchema;
    return value === undefined ? [] : [[key, value]];
  });
}

/** A value of `values` whose schema says what it names. */
export interface NamedValue {
  /** Dotted name; items of lists have their number. */
  readonly name: string;
  readonly kind: Kind;
  /** Which service, where the kind is "service". */
  readonly service?: ServiceOfCall;
  readonly value: string;
}

/**
 * `values` with every text that names something changed.
 *
 * @param at what the names begin with: the section
 * @param change what it returns takes the text's place
 */
export function mapNamed(
  at: string,
  schema: z.ZodType,
  values: unknown,
  change: (named: NamedValue) => unknown,
): unknown {
  const map = (schema: JsonSchema, value: unknown, name: string, list?: JsonSchema): unknown => {
    if (typeof value === "string") {
      const kind = (meta(schema, "kind") ?? (list && meta(list, "kind"))) as Kind | undefined;
      const service = meta(list ?? schema, "service") as ServiceOfCall | undefined;
      if (kind === undefined || value === "") return value;
      return change({ name, kind, value, ...(service === undefined ? {} : { service }) });
    }
    if (Array.isArray(value)) {
      const items = branches(schema).find(({ type }) => type === "array")?.items as JsonSchema;
      return value.map((one, i) =>
        map(items ?? {}, one, typeof one === "string" ? name : `${name}.${i}`, schema)
      );
    }
    if (!isJsonObject(value)) return value;
    const groups = branches(schema).filter(({ properties }) => properties !== undefined);
    const group = groups.find((one) => constants(one).every(([key, is]) => value[key] === is)) ??
      groups[0];
    const entries = Object.entries(value).map(([key, part]) => {
      const field = (group?.properties?.[key] ?? {}) as JsonSchema;
      return [key, map(field, part, name === "" ? key : `${name}.${key}`)];
    });
    return Object.fromEntries(entries);
  };
  return map(jsonSchemaOf(schema), values, at);
}

/** The alternatives of a schema, or the schema itself. */
function branches(schema: JsonSchema): JsonSchema[] {
  const several = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  return several === undefined ? [schema] : several.flatMap(branches);
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
