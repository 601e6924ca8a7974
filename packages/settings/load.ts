import { InputError } from "@decorum/tensor";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { z } from "zod";

/** Where settings come from; a later source wins: file, environment, flags. */
export interface ConfigSources {
  /** A YAML (or JSON) file. */
  readonly file?: string;
  /** Environment: `DECORUM_TRAINER__BATCH_SIZE=16` sets `trainer.batch_size`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags: `trainer.batch_size=16`. */
  readonly set?: readonly string[];
}

/** Prefix of the environment variables that are settings. */
export const ENV_PREFIX = "DECORUM_";

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

/**
 * Reads settings from all sources and checks them against `schema` at once.
 *
 * @throws ConfigError naming every wrong or unknown field, what was found and where it came from.
 */
export function loadConfig<S extends z.ZodType>(schema: S, sources: ConfigSources): z.infer<S> {
  const problems: string[] = [];
  const origins = new Map<string, string>();
  const settings = sources.file === undefined ? {} : readFile(sources.file, problems);
  // Without its file, everything would be "missing": what is wrong is the file alone.
  if (problems.length > 0) throw new ConfigError(problems);
  const assign = (path: string, text: string, origin: string) => {
    try {
      setPath(settings, path.split("."), parse(text));
      origins.set(path, origin);
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
    if (at < 1) problems.push(`--set ${flag}: expected path=value, as in trainer.batch_size=16`);
    else assign(flag.slice(0, at), flag.slice(at + 1), `--set ${flag}`);
  }
  const result = schema.safeParse(settings);
  if (!result.success) problems.push(...describe(result.error, settings, origins, sources.file));
  if (problems.length > 0) throw new ConfigError(problems);
  return result.data as z.infer<S>;
}

function readFile(file: string, problems: string[]): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const absent = (cause as { code?: unknown }).code === "ENOENT";
    problems.push(`${file}: ${absent ? "there is no such file" : (cause as Error).message.trim()}`);
    return {};
  }
  if (value === null || value === undefined) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  problems.push(`${file}: expected sections such as "trainer:", found ${JSON.stringify(value)}`);
  return {};
}

function describe(
  error: z.ZodError,
  settings: unknown,
  origins: ReadonlyMap<string, string>,
  file: string | undefined,
): string[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.join(".");
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      settings,
    );
    const originOf = (name: string) =>
      origins.get(name) ?? file ?? "no configuration file was given";
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const name = path === "" ? key : `${path}.${key}`;
        return `${name} is unknown: expected a setting of this version (${originOf(name)})`;
      });
    }
    const value = found === undefined ? "missing" : JSON.stringify(found);
    const expected = issue.message.replace(/^Invalid input: /, "").replace(/, received \w+$/, "");
    const braces = origins.has(path) && issue.code === "invalid_type" && issue.expected === "string"
      ? `; quote what YAML reads as something else, as '${path}="{column}"'`
      : "";
    return [`${path || "(whole file)"} is ${value}: ${expected}${braces} (${originOf(path)})`];
  });
}

/**
 * Sets a value deep inside nested objects, which are made where they are missing.
 *
 * @throws InputError when a part of the path leads through something that is no object.
 */
function setPath(
  root: Record<string, unknown>,
  path: readonly string[],
  value: unknown,
): void {
  let at = root;
  path.slice(0, -1).forEach((key, i) => {
    const next = at[key] ?? {};
    if (typeof next !== "object" || Array.isArray(next)) {
      throw new InputError(
        `cannot set ${path.join(".")}: ${path.slice(0, i + 1).join(".")} is ${
          JSON.stringify(next)
        }, which has no fields`,
      );
    }
    at = at[key] = { ...next } as Record<string, unknown>;
  });
  at[path.at(-1)!] = value;
}
