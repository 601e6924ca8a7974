import type { Sequence } from "@decorum/models";
import type { Prompt, Tokenizer } from "@decorum/text";
import { type DataRows, fill } from "./data.ts";
import { Lengths } from "./lengths.ts";

export interface SftFormat {
  readonly prompt: Prompt;
  readonly response: Prompt;
  readonly maxSourceTokens: number;
  readonly maxTargetTokens: number;
  readonly truncate: boolean;
}

/**
 * Token ids of prompts and responses, end tokens included.
 *
 * @returns the sequences, and a line about what was cut
 * @throws InputError for a row that lacks a column, and for texts that are too long and may not be cut
 */
export function sftExamples(
  data: DataRows,
  tokenizer: Tokenizer,
  { prompt, response, maxSourceTokens, maxTargetTokens, truncate }: SftFormat,
): { readonly examples: Sequence[]; readonly note: string | undefined } {
  const lengths = new Lengths();
  const encode = (text: string, part: "source" | "target", row: number, most: number) => {
    const { ids } = tokenizer.encode(text);
    const cut = lengths.exceeds(part, row, ids.length, most, `--max-${part}-tokens`) && truncate;
    return cut ? tokenizer.encode(text, { maxLength: most, truncate: "first" }).ids : ids;
  };
  const examples = data.rows.map((_, row) => ({
    query: encode(fill(prompt, data, row), "source", row, maxSourceTokens),
    response: encode(fill(response, data, row), "target", row, maxTargetTokens),
  }));
  return { examples, note: lengths.settle(data.name, examples.length, truncate) };
}
