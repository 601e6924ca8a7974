import { InputError } from "@decorum/tensor";

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
