import { bucketByLength } from "@decorum/text";

/**
 * Cuts items into micro-batches of like length, longest first, so that little padding is computed.
 *
 * @param lengths tokens of every item; items of length 0 are in no micro-batch
 * @returns indices of the items of each micro-batch
 * @throws RangeError when `size` is not a whole number of at least 1
 */
export function microBatches(lengths: readonly number[], size: number): number[][] {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(
      `Cannot make micro-batches of ${size} sequences: expected a whole number of at least 1`,
    );
  }
  const items = lengths.flatMap((length, i) => length > 0 ? [i] : []);
  return bucketByLength(items.map((i) => lengths[i]!), { maxPositions: Infinity, maxRows: size })
    .map((batch) => batch.map((at) => items[at]!));
}
