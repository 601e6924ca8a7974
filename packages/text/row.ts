import { InputError } from "@decorum/tensor";
/** One example: column name to text. */
export type Row = Readonly<Record<string, string>>;

/** A row and where it came from. */
export interface LocatedRow {
  readonly row: Row;
  /** The line its text begins at, from 1. */
  readonly line: number;
}

/** Column names as an error message lists them. */
export function listColumns(columns: readonly string[]): string {
  return columns.length === 0 ? "none" : columns.map((column) => `"${column}"`).join(", ");
}

/**
 * The text of one column of a row.
 *
 * @throws InputError when the row lacks it; `action` begins the message ("Cannot fill the prompt").
 */
export function columnOf(row: Row, column: string, action: string): string {
  const value = Object.hasOwn(row, column) ? row[column] : undefined;
  if (value !== undefined) return value;
  throw new InputError(
    `${action}: there is no column "${column}"; the columns are ${listColumns(Object.keys(row))}`,
  );
}
