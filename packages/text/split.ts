import { InputError } from "@decorum/tensor";
import { createHash } from "node:crypto";
import { columnOf, type Row } from "./datasets.ts";

/** Options of {@link splitRows}. */
interface SplitOptions<Part extends string> {
  /** The share of each part; they sum to 1. */
  readonly parts: Readonly<Record<Part, number>>;
  /** Another seed gives another split. */
  readonly seed: number;
  /** The column that decides; by default the whole row does. */
  readonly by?: string;
}

/**
 * Divides rows into parts. A hash of the seed and the row's text decides where a row goes, so a row
 * keeps its part when others are added, removed or reordered, and equal rows are never divided
 * between parts. The sizes are therefore near the shares, not exactly them.
 *
 * @throws InputError when the shares are not positive or do not sum to 1, or a row lacks `by`.
 */
export function splitRows<Part extends string>(
  rows: Iterable<Row>,
  options: SplitOptions<Part>,
): Record<Part, Row[]> {
  const { seed, by } = options;
  const names = Object.keys(options.parts) as Part[];
  const shares = names.map((name) => options.parts[name]);
  const sum = shares.reduce((a, b) => a + b, 0);
  // 1e-9 allows for shares such as 0.8 + 0.1 + 0.1, which do not sum to 1 exactly.
  if (!shares.every((share) => share > 0) || Math.abs(sum - 1) > 1e-9) {
    throw new InputError(
      `Cannot split rows into parts of ${
        shares.join(", ")
      }: expected positive shares that sum to 1`,
    );
  }
  const split = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Part,
    Row[]
  >;
  for (const row of rows) {
    let rest = hashToUnit(seed, textOf(row, by));
    const i = shares.findIndex((share) => (rest -= share) < 0);
    const name = names.at(i); // rounding may leave the last part's edge uncovered: -1 is the last
    if (name !== undefined) split[name].push(row);
  }
  return split;
}

function textOf(row: Row, by: string | undefined): unknown {
  // Sorted, so that the order of columns does not matter.
  if (by === undefined) return Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
  return columnOf(row, by, "Cannot split rows");
}

/** A number in [0, 1) from the first 48 bits of SHA-256. */
function hashToUnit(seed: number, text: unknown): number {
  const digest = createHash("sha256").update(JSON.stringify([seed, text])).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}
