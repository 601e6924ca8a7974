import { InputError } from "@decorum/tensor";
import { jsonMembers, readLines } from "@decorum/text";
import process from "node:process";
import { z } from "zod";
import type { ScoredText } from "./scorer.ts";

declare global {
  interface JSON {
    /** A value that JSON.stringify writes as this text (ECMAScript 2026). */
    rawJSON(text: string): unknown;
  }
}

/** A text with what its line of output begins with. */
export interface InputText extends ScoredText {
  readonly shown: Readonly<Record<string, unknown>>;
}

export interface InputOptions {
  /** Texts that were given as arguments. */
  readonly texts: readonly string[];
  readonly file: string | undefined;
  /** What all texts answer. */
  readonly query: string | undefined;
  /** True: lines are JSON. */
  readonly jsonl: boolean;
}

const lineSchema = z.union([
  z.string(),
  z.looseObject({
    response: z.string(),
    prompt: z.string().optional(),
    query: z.string().optional(),
    id: z.union([z.string(), z.number()]).optional(),
  }),
]);

/**
 * The texts to score: arguments, else the lines of a file, else those of standard input.
 *
 * @throws InputError naming a line that is not UTF-8, or not the JSON that was said
 */
export async function* textItems(
  { texts, file, query, jsonl }: InputOptions,
): AsyncGenerator<InputText, void> {
  const plain = (name: string, response: string): InputText => ({
    name,
    response,
    shown: { text: response },
    ...(query === undefined ? {} : { query }),
  });
  if (texts.length > 0) {
    for (const [i, text] of texts.entries()) yield plain(`text ${i + 1}`, text);
    return;
  }
  const source = file ?? "standard input";
  for await (const { text, number } of readLines(source, file ? undefined : process.stdin)) {
    const name = `line ${number} of ${source}`;
    if (!jsonl) yield plain(name, text);
    else if (text.trim() !== "") yield jsonItem(name, text, query);
  }
}

function jsonItem(name: string, line: string, byDefault: string | undefined): InputText {
  const found = lineSchema.safeParse(parseJson(name, line));
  if (!found.success) {
    throw new InputError(
      `Cannot score ${name}: expected a JSON string, or an object with "response" and, for a pair, "prompt"`,
    );
  }
  if (typeof found.data === "string") {
    return {
      name,
      response: found.data,
      shown: { text: found.data },
      ...(byDefault === undefined ? {} : { query: byDefault }),
    };
  }
  const { id, response, prompt = found.data.query ?? byDefault } = found.data;
  return {
    name,
    response,
    shown: {
      // A number as it was written: parsed, 9007199254740993 would be another.
      ...(id === undefined
        ? {}
        : { id: typeof id === "number" ? JSON.rawJSON(jsonMembers(line).get("id")!) : id }),
      ...(prompt === undefined ? {} : { prompt }),
      response,
    },
    ...(prompt === undefined ? {} : { query: prompt }),
  };
}

function parseJson(name: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new InputError(`Cannot score ${name}: ${(cause as Error).message}`, { cause });
  }
}
