import type { Sequence } from "@decorum/models";
import { type Tensor, tensor } from "@decorum/tensor";

/** One number for each counted token of each sequence. */
type TokenRows = readonly Float32Array[];

/** Tokens of a response that count. */
export function countedTokens({ response, mask }: Sequence): number {
  return mask ? mask.filter(Boolean).length : response.length;
}

/** Splits values of counted tokens, one sequence after another, `[tokens]`. */
export function splitRows(values: Tensor, lengths: readonly number[]): Float32Array[] {
  const data = values.data as Float32Array;
  let start = 0;
  return lengths.map((length) => data.slice(start, start += length));
}

/** The values of all sequences as one feed `[tokens]`. */
export function joinRows(rows: TokenRows): Tensor<"float32"> {
  const total = rows.reduce((n, row) => n + row.length, 0);
  const joined = new Float32Array(total);
  let at = 0;
  for (const row of rows) {
    joined.set(row, at);
    at += row.length;
  }
  return tensor("float32", [total], joined);
}
