import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { z } from "zod";
import { editDistance, expectation, nearestKeys } from "@decorum/models";
import { InputError, isJsonObject, type JsonObject } from "@decorum/tensor";
import { fieldsOf } from "./field.ts";
import { moveOldNames, newName, setValue } from "./names.ts";

/** Where settings come from; a later source wins: file, environment, flags. */
export interface ConfigSources {
  /** A YAML (or JSON) file. */
  readonly file?: string | undefined;
  /** Environment: `DECORUM_TRAINER__PPO__STEPS=16` sets `trainer.ppo.steps`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags: `trainer.ppo.steps=16`. */
  readonly set?: readonly string[];
}

/** Prefix of the environment variables that are settings. */
const ENV_PREFIX = "DECORUM_";

/** All that is wrong with a configuration, in one error. */
export class ConfigError extends InputError {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n` +
        problems.map((problem) => `  - ${problem}`).join("\n"),
    );
  }
}

/** Settings as they were given, not checked against a schema. */
export interface GivenSettings {
  readonly values: JsonObject;
  /** Where a setting was given, for messages. */
  originOf(name: string): string;
  /** What is wrong before any schema is asked. */
  readonly problems: readonly string[];
}

/**
 * Reads settings from all sources. Names of earlier versions in the file become those of today.
 *
 * @throws ConfigError for a file that cannot be read
 */
export function readSettings(sources: ConfigSources): GivenSettings {
  const problems: string[] = [];
  const origins = new Map<string, string>();
  const values = sources.file === undefined ? {} : readFile(sources.file);
  moveOldNames(values, ["policy", "trainer"], problems, ` (${sources.file})`);
  const assign = (path: string, text: string, origin: string) => {
    const renamed = newName(path);
    if (renamed !== undefined) {
      problems.push(`${path} is now ${renamed}, for policy and trainer alike (${origin})`);
    }
    const name = renamed ?? path;
    try {
      setValue(values, name, parse(text));
      origins.set(name, origin);
    } catch (cause) {
      problems.push(`${origin}: ${(cause as Error).message}`);
    }
  };
  for (const [name, value] of Object.entries(sources.env ?? {})) {
    if (!name.startsWith(ENV_PREFIX) || !name.includes("__") || value === undefined) continue;
    const path = name.slice(ENV_PREFIX.length).toLowerCase().replaceAll("__", ".");
    assign(path, value, `environment variable ${name}`);
  }
  for (const flag of sources.set ?? []) {
    const at = flag.indexOf("=");
    if (at < 1) problems.push(`--set ${flag}: expected path=value, as in trainer.ppo.steps=16`);
    else assign(flag.slice(0, at), flag.slice(at + 1), "--set");
  }
  const elsewhere = sources.file ?? "no configuration file was given";
  const originOf = (name: string) =>
    [...origins].find(([one]) => one === name || one.startsWith(`${name}.`))?.[1] ?? elsewhere;
  return { values, problems, originOf };
}

/**
 * `values` as `schema` has them, with its defaults.
 *
 * @param problems what is wrong already
 * @param originOf where a setting was given, for messages
 * @throws ConfigError with every fault at once
 */
export function checked<S extends z.ZodType>(
  schema: S,
  values: unknown,
  { problems = [], originOf }: {
    readonly problems?: readonly string[];
    readonly originOf?: (name: string) => string;
  } = {},
): z.output<S> {
  const result = schema.safeParse(values);
  const found = result.success ? [] : describe(result.error, schema, values, originOf);
  if (!result.success || problems.length > 0) throw new ConfigError([...problems, ...found]);
  return result.data;
}

function readFile(file: string): JsonObject {
  const refuse = (problem: string): never => {
    throw new ConfigError([`${file}: ${problem}`]);
  };
  let value: unknown;
  try {
    value = parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const absent = (cause as { code?: unknown }).code === "ENOENT";
    return refuse(absent ? "there is no such file" : (cause as Error).message.trim());
  }
  if (value === null || value === undefined) return {};
  if (isJsonObject(value)) return value;
  return refuse(`expected sections such as "trainer:", found ${JSON.stringify(value)}`);
}

function describe(
  error: z.ZodError,
  schema: z.ZodType,
  values: unknown,
  originOf: ((name: string) => string) | undefined,
): string[] {
  const fields = fieldsOf("", schema);
  const secret = (name: string) =>
    fields.some((one) => one.kind === "secret" && inLists(one.name) === inLists(name));
  const from = (name: string) => originOf === undefined ? "" : ` (${originOf(name)})`;
  return error.issues.flatMap((issue) => {
    const path = issue.path.join(".");
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const name = path === "" ? key : `${path}.${key}`;
        return `${name} is unknown: ${insteadOf(name, fields.map((one) => one.name))}${from(name)}`;
      });
    }
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as JsonObject | null | undefined)?.[String(key)],
      values,
    );
    const value = found === undefined
      ? "missing"
      : secret(path)
      ? "wrong (it is not shown)"
      : JSON.stringify(found);
    const expected = expectation(issue.message);
    const braces =
      issue.code === "invalid_type" && issue.expected === "string" && isJsonObject(found)
        ? `; quote what YAML reads as something else, as '${path}="{column}"'`
        : "";
    return [`${path || "the whole of it"} is ${value}: ${expected}${braces}${from(path)}`];
  });
}

/** A name without the numbers and kinds of the items of lists. */
const inLists = (name: string) => name.replace(/\[\w*\]/g, "[]").replace(/\.\d+(?=\.|$)/g, "[]");

/** What an unknown name may have been meant for. */
function insteadOf(name: string, known: readonly string[]): string {
  const renamed = newName(name);
  if (renamed !== undefined) return `it is ${renamed} now`;
  const home = (of: string) => inLists(of.slice(0, of.lastIndexOf(".") + 1));
  const isSibling = (one: string) => home(one) === home(name);
  const all = [...known.filter(isSibling), ...known.filter((one) => !isSibling(one))];
  const near = all.map(lastPart).filter((one) => isNear(one, lastPart(name)));
  const [last] = nearestKeys(lastPart(name), near, 1);
  if (last === undefined) return "expected a setting of this version";
  const called = all.filter((one) => lastPart(one) === last);
  const nearest = called.find(isSibling) ?? nearestKeys(name, called, 1)[0];
  return `the nearest name is ${nearest}`;
}

/** Whether one may have been meant for the other: it is a part of it, or a few letters differ. */
function isNear(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return long.startsWith(short) || (short.length > 2 && long.includes(short)) ||
    editDistance(a, b) <= long.length / 3;
}

const lastPart = (name: string) => name.slice(name.lastIndexOf(".") + 1);
