import { existsSync, statSync } from "node:fs";
import { ConfigError } from "@decorum/settings";
import { type Command, Option } from "commander";
import { z } from "zod";

/** One option of a command: how it is written, what it says in `--help`, and what it may be. */
export interface Flag<S extends z.ZodType> {
  /** As commander takes it: `--batch-size <n>`. */
  readonly usage: string;
  readonly description: string;
  readonly schema: S;
}

/** Options of a command by their names in camelCase. */
export type FlagTable = Readonly<Record<string, Flag<z.ZodType>>>;

/** What the options of a table are once they have been read. */
export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]: z.output<T[K]["schema"]>;
};

export function flag<S extends z.ZodType>(usage: string, description: string, schema: S): Flag<S> {
  return { usage, description, schema };
}

/** Everything that is wrong with how a command was called, told at once. */
export class Problems {
  readonly found: string[] = [];

  add(problem: string): void {
    this.found.push(problem);
  }

  /** The result of `action`; undefined when it throws, and its message is a problem. */
  attempt<T>(what: string, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.add(`${what}: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** @throws ConfigError with all problems, if there are any. */
  throwIfAny(): void {
    if (this.found.length > 0) throw new ConfigError(this.found);
  }
}

/** Adds the options of a table to a command. */
export function addFlags(command: Command, table: FlagTable): Command {
  for (const { usage, description, schema } of Object.values(table)) {
    command.addOption(new Option(usage, description + defaultText(schema)));
  }
  return command;
}

/** What an option is when it is not given, where that is a value: " (default: 8)". */
function defaultText(schema: z.ZodType): string {
  const { data } = schema.safeParse(undefined);
  return data === undefined || data === false ? "" : ` (default: ${data})`;
}

/** The options of a table as they were given; those that are wrong become problems and are left out. */
export function readFlags<T extends FlagTable>(
  table: T,
  given: Readonly<Record<string, unknown>>,
  problems: Problems,
): Partial<FlagValues<T>> {
  const values: Record<string, unknown> = {};
  for (const [name, { usage, schema }] of Object.entries(table)) {
    const result = schema.safeParse(given[name]);
    if (result.success) {
      values[name] = result.data;
      continue;
    }
    const [option] = usage.split(" ");
    const found = given[name] === undefined ? "missing" : JSON.stringify(given[name]);
    problems.add(`${option} is ${found}: ${result.error.issues[0]!.message}`);
  }
  return values as Partial<FlagValues<T>>;
}

function numberFlag(expected: string, fits: (value: number) => boolean) {
  const error = `expected ${expected}`;
  return z.string(error)
    .refine((text) => text.trim() !== "" && fits(Number(text)), { error })
    .transform(Number);
}

const whole = (least: number) => (n: number) => Number.isSafeInteger(n) && n >= least;

/** A whole number of at least 1. */
export const positiveCount = numberFlag("a whole number of at least 1", whole(1));
/** A whole number of at least 0. */
export const count = numberFlag("a whole number of at least 0", whole(0));
export const positive = numberFlag("a number above 0", (n) => Number.isFinite(n) && n > 0);
export const nonNegative = numberFlag(
  "a number of at least 0",
  (n) => Number.isFinite(n) && n >= 0,
);
/** A share: more than 0, less than 1. */
export const share = numberFlag("a number above 0 and below 1", (n) => n > 0 && n < 1);
/** A rate of dropout: from 0, less than 1. */
export const rate = numberFlag("a number from 0 and below 1", (n) => n >= 0 && n < 1);
export const text = z.string("expected a value").min(1, "expected a value");
export const dataFile = text.regex(/\.(jsonl|ndjson|csv)$/i, {
  error: "expected a file named .jsonl, .ndjson or .csv",
});
export const names = text.transform((list) => list.split(",").map((name) => name.trim())).refine(
  (list) => list.every((name) => name !== ""),
  { error: "expected names with commas between them" },
);
export const toggle = z.boolean().default(false);

/** One of some words. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return z.enum(words, { error: `expected ${words.join(" or ")}` });
}

/** Adds a problem unless a file or folder is there. */
export function checkPath(
  option: string,
  path: string,
  kind: "file" | "folder",
  problems: Problems,
): void {
  const found = existsSync(path) ? statSync(path) : undefined;
  if (found !== undefined && (kind === "folder") === found.isDirectory()) return;
  problems.add(
    `${option} is "${path}": ${found ? `this is no ${kind}` : `there is no such ${kind}`}`,
  );
}
