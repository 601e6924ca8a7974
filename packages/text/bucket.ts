import { InputError, type Tensor, tensor } from "@decorum/tensor";

/** Texts of different lengths as one rectangle. */
interface PaddedBatch {
  /** [batch, length]: the ids, then the padding id. */
  readonly inputIds: Tensor<"int64">;
  /** [batch, length]: 1 for an id, 0 for padding. */
  readonly attentionMask: Tensor<"int64">;
  readonly padding: Padding;
}

/** How much of some batches is padding. */
interface Padding {
  /** Tokens that are not padding. */
  readonly tokens: number;
  /** Positions in all, padding included. */
  readonly positions: number;
  /** The share of positions that is padding, 0 to 1. */
  readonly waste: number;
}

/** Options of {@link padBatch}. */
interface PadOptions {
  /** Pads on this side; right by default. */
  readonly side?: "left" | "right";
  /** Rounds the length up to a multiple of this, so that fewer shapes occur; 1 by default. */
  readonly multipleOf?: number;
  /** Pads to at least this length; 0 by default. */
  readonly minLength?: number;
}

/**
 * Pads the rows to the longest of them.
 *
 * @throws InputError for an empty batch, a row without ids (softmax over it has no value), or a
 *   negative padding id.
 */
export function padBatch(
  rows: readonly ArrayLike<number>[],
  padId: number,
  options: PadOptions = {},
): PaddedBatch {
  const { side = "right", multipleOf = 1, minLength = 0 } = options;
  if (rows.length === 0) {
    throw new InputError("Cannot pad an empty batch: expected at least one row of ids");
  }
  rows.forEach((row, i) => {
    if (row.length === 0) {
      throw new InputError(`Cannot pad row ${i} of ${rows.length}: it has no ids`);
    }
  });
  for (
    const [name, value, least] of [["padId", padId, 0], ["multipleOf", multipleOf, 1]] as const
  ) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InputError(`Cannot pad with ${name} ${value}: expected an integer from ${least}`);
    }
  }
  const longest = rows.reduce((n, row) => Math.max(n, row.length), minLength);
  const length = Math.ceil(longest / multipleOf) * multipleOf;
  const ids = new BigInt64Array(rows.length * length).fill(BigInt(padId));
  const mask = new BigInt64Array(rows.length * length);
  rows.forEach((row, i) => {
    const start = i * length + (side === "left" ? length - row.length : 0);
    for (let j = 0; j < row.length; j++) ids[start + j] = BigInt(row[j] ?? padId);
    mask.fill(1n, start, start + row.length);
  });
  const dims = [rows.length, length];
  return {
    inputIds: tensor("int64", dims, ids),
    attentionMask: tensor("int64", dims, mask),
    padding: padding(rows.reduce((n, row) => n + row.length, 0), rows.length * length),
  };
}

/** Bounds of the batches that {@link bucketByLength} makes. */
interface BucketOptions {
  /** The most positions of a batch, padding included: rows times the longest row. */
  readonly maxPositions: number;
  /** The most rows of a batch; no limit by default. */
  readonly maxRows?: number;
}

/**
 * Groups rows of like length, longest first, into as few batches as the bounds allow for rows in
 * that order. Returns the rows' indices; rows of equal length keep their order.
 *
 * @throws InputError when one row alone exceeds `maxPositions`.
 */
export function bucketByLength(lengths: readonly number[], options: BucketOptions): number[][] {
  const { maxPositions, maxRows = Infinity } = options;
  if (!(maxRows >= 1)) {
    throw new InputError(`Cannot make batches of at most ${maxRows} rows: expected at least 1`);
  }
  const order = lengths.map((length, index) => ({ length, index }))
    .sort((a, b) => b.length - a.length || a.index - b.index);
  const batches: number[][] = [];
  let batch: number[] = [];
  let longest = 0;
  for (const { length, index } of order) {
    if (length > maxPositions) {
      throw new InputError(
        `Cannot put row ${index} into a batch: it has ${length} tokens, a batch at most ${maxPositions} positions; shorten it or raise maxPositions`,
      );
    }
    if (
      batch.length === 0 || (batch.length + 1) * longest > maxPositions || batch.length >= maxRows
    ) {
      batch = [];
      batches.push(batch);
      longest = length;
    }
    batch.push(index);
  }
  return batches;
}

/**
 * Groups of `size` rows of like length, shortest first, so that little padding is computed; the last may be smaller.
 * They depend on the lengths alone. Returns the rows' indices; rows of equal length keep their order.
 */
export function groupByLength(lengths: readonly number[], size: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const count = Math.ceil(order.length / size);
  return Array.from({ length: count }, (_, g) => order.slice(g * size, (g + 1) * size));
}

/** Options of {@link cutByLength}. */
interface CutOptions {
  /** The most rows of a batch; no limit by default. */
  readonly maxRows?: number;
  /**
   * What one more batch costs, in positions: beginning a run, and reading all weights again. Default 32, about
   * what it is for a T5-base on a CPU.
   */
  readonly batchCost?: number;
}

/**
 * Cuts rows into batches of like length, longest first, at the least cost of all cuts of that order: positions
 * computed, padding included, and `batchCost` for each batch.
 *
 * @param sizes the lengths of each row: one for each part that is padded by itself (prompt, response)
 * @returns the rows' indices; rows of equal length keep their order
 * @throws InputError when `maxRows` is less than 1
 */
export function cutByLength(
  sizes: readonly (readonly number[])[],
  options: CutOptions = {},
): number[][] {
  const { maxRows = Infinity, batchCost = 32 } = options;
  if (!(maxRows >= 1)) {
    throw new InputError(`Cannot make batches of at most ${maxRows} rows: expected at least 1`);
  }
  const totals = sizes.map((row) => row.reduce((a, b) => a + b, 0));
  const order = sizes.map((_, i) => i).sort((a, b) => totals[b]! - totals[a]! || a - b);
  // Of the first n rows: the least cost, and where their last batch begins.
  const least = [{ cost: 0, begin: 0 }];
  for (let n = 1; n <= order.length; n++) {
    let best = { cost: Infinity, begin: 0 };
    let longest: readonly number[] = [];
    for (let begin = n - 1; begin >= Math.max(0, n - maxRows); begin--) {
      longest = sizes[order[begin]!]!.map((length, side) => Math.max(length, longest[side] ?? 0));
      const width = longest.reduce((a, b) => a + b, 0);
      const cost = least[begin]!.cost + batchCost + (n - begin) * width;
      if (cost < best.cost) best = { cost, begin };
    }
    least.push(best);
  }
  const batches: number[][] = [];
  for (let end = order.length; end > 0; end = least[end]!.begin) {
    batches.unshift(order.slice(least[end]!.begin, end));
  }
  return batches;
}

/** The padding of batches of rows with these lengths, each padded to its longest row. */
export function paddingOf(
  lengths: readonly number[],
  batches: readonly (readonly number[])[],
): Padding {
  let tokens = 0;
  let positions = 0;
  for (const batch of batches) {
    const own = batch.map((index) => lengths[index] ?? 0);
    tokens += own.reduce((a, b) => a + b, 0);
    positions += own.length * own.reduce((a, b) => Math.max(a, b), 0);
  }
  return padding(tokens, positions);
}

function padding(tokens: number, positions: number): Padding {
  return { tokens, positions, waste: positions === 0 ? 0 : 1 - tokens / positions };
}
