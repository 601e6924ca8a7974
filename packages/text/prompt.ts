import { InputError } from "@decorum/tensor";
import { columnOf, listColumns, type Row } from "./datasets.ts";

/** A parsed template: text with places that a row's columns fill. */
export interface Prompt {
  /** The columns it uses, each once, in order of first use. */
  readonly columns: readonly string[];
  /**
   * The template with every placeholder replaced by the row's text. Braces in that text stay as
   * they are: only the template is parsed, never the data.
   *
   * @throws InputError when the row lacks a column.
   */
  render(row: Row): string;
}

/**
 * Parses a template such as `Summarize:\n{dialogue}\nSummary:`; `{{` and `}}` are literal braces.
 * `columns` are those of the data set that will fill it.
 *
 * @throws InputError for an unbalanced brace or an empty placeholder, with its place.
 * @throws InputError for a placeholder that is no column, listing the columns.
 */
export function parsePrompt(template: string, columns: readonly string[]): Prompt {
  // Literal text at even places, column names at odd ones.
  const parts = [""];
  const used = new Set<string>();
  for (const { 0: piece, index } of template.matchAll(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g)) {
    const last = parts.length - 1;
    if (piece === "{{" || piece === "}}") {
      parts[last] += piece.charAt(0);
    } else if (piece === "{" || piece === "}") {
      const kind = piece === "{" ? "is never closed" : "closes nothing";
      throw new InputError(
        `Cannot parse the prompt template: "${piece}" at ${
          place(template, index)
        } ${kind}; write "${piece}${piece}" for a literal brace`,
      );
    } else if (piece.startsWith("{")) {
      const column = piece.slice(1, -1);
      if (!columns.includes(column)) {
        const found = column === "" ? `an empty placeholder` : `placeholder "${column}"`;
        throw new InputError(
          `Cannot parse the prompt template: ${found} at ${
            place(template, index)
          } is not a column; the columns are ${listColumns(columns)}`,
        );
      }
      used.add(column);
      parts.push(column, "");
    } else {
      parts[last] += piece;
    }
  }
  return { columns: [...used], render: (row) => render(parts, row) };
}

function render(parts: readonly string[], row: Row): string {
  return parts
    .map((part, i) => i % 2 === 0 ? part : columnOf(row, part, "Cannot fill the prompt"))
    .join("");
}

function place(template: string, index: number): string {
  const lines = template.slice(0, index).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
