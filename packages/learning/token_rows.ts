import type { Sequence } from "@decorum/models";
import { type Tensor, tensor, zeros } from "@decorum/tensor";

/** One number for each counted token of each sequence. */
export type TokenRows = readonly Float32Array[];

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

/** 1 where a token counts: `[batch, time]`, time being the longest response. */
export function maskOf(sequences: readonly Sequence[]): Tensor<"float32"> {
  return denseRows(sequences, sequences.map((s) => new Float32Array(countedTokens(s)).fill(1)));
}

/** Values of counted tokens at their positions in `[batch, time]`, 0 elsewhere. */
export function denseRows(
  sequences: readonly Sequence[],
  rows: TokenRows,
): Tensor<"float32"> {
  const time = Math.max(...sequences.map((s) => s.response.length));
  const dense = zeros("float32", [sequences.length, time]);
  sequences.forEach((sequence, i) => {
    positionsOf(sequence).forEach((t, at) => (dense.data[i * time + t] = rows[i]![at]!));
  });
  return dense;
}

/** The counted tokens' values of a tensor `[batch, time]`: the inverse of {@link denseRows}. */
export function sparseRows(
  sequences: readonly Sequence[],
  dense: Tensor<"float32">,
): Float32Array[] {
  const time = dense.dims[1] ?? 0;
  return sequences.map((sequence, i) =>
    Float32Array.from(positionsOf(sequence), (t) => dense.data[i * time + t]!)
  );
}

function positionsOf({ response, mask }: Sequence): number[] {
  return response.flatMap((_, t) => mask && !mask[t] ? [] : [t]);
}
