import { InputError } from "@decorum/tensor";
import type { Sequence } from "@decorum/models";
import { cutByLength } from "@decorum/text";
import { countedTokens } from "./token_rows.ts";

/**
 * Cuts items into micro-batches of like length, longest first: as many in one as `size` allows where they are
 * alike, fewer where padding would cost more than another run.
 *
 * @param lengths tokens of every item, or of each of its parts that is padded by itself (query, response); items
 * of no tokens are in no micro-batch
 * @returns indices of the items of each micro-batch
 * @throws InputError when `size` is not a whole number of at least 1
 */
export function microBatches(
  lengths: readonly (number | readonly number[])[],
  size: number,
): number[][] {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new InputError(
      `Cannot make micro-batches of ${size} sequences: expected a whole number of at least 1`,
    );
  }
  const sizes = lengths.map((length) => typeof length === "number" ? [length] : length);
  const items = sizes.flatMap((parts, i) => parts.some((length) => length > 0) ? [i] : []);
  return cutByLength(items.map((i) => sizes[i]!), { maxRows: size })
    .map((batch) => batch.map((at) => items[at]!));
}

/** {@link microBatches} of sequences; those of which no token counts are in none. */
export function sequenceMicroBatches(sequences: readonly Sequence[], size = 4): number[][] {
  const lengths = sequences.map((s) =>
    countedTokens(s) === 0 ? 0 : [s.query.length, s.response.length]
  );
  return microBatches(lengths, size);
}
