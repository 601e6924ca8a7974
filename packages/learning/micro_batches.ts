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

/**
 * Micro-batches of items that share their first part, as responses share a prompt. Those that share it follow each other,
 * and every shared part of a micro-batch has as many items in it, so that one run computes it once for all of them. More
 * items than `size` are cut, and the part is computed once more for each cut.
 *
 * @param lengths of the parts of every item; items of no tokens are in no micro-batch
 * @param shared what items have in common
 */
export function sharedMicroBatches(
  lengths: readonly (readonly number[])[],
  shared: readonly string[],
  size: number,
): number[][] {
  const groups = new Map<string, number[]>();
  lengths.forEach((parts, i) => {
    if (!parts.some((length) => length > 0)) return;
    const group = groups.get(shared[i]!);
    if (group) group.push(i);
    else groups.set(shared[i]!, [i]);
  });
  // Groups, or cuts of them, by how many items they hold.
  const byCount = new Map<number, number[][]>();
  for (const group of groups.values()) {
    // The longest together, so that little padding is computed where a group is cut.
    const rest = (i: number) => lengths[i]!.slice(1).reduce((sum, length) => sum + length, 0);
    const sorted = group.length > size ? group.toSorted((a, b) => rest(b) - rest(a)) : group;
    for (let at = 0; at < sorted.length; at += size) {
      const cut = sorted.slice(at, at + size);
      byCount.set(cut.length, [...byCount.get(cut.length) ?? [], cut]);
    }
  }
  return [...byCount].sort(([a], [b]) => b - a).flatMap(([count, cuts]) => {
    // A cut is one item of `microBatches`: its shared part once, the longest of each other part for all of its items.
    const together = cuts.map((cut) =>
      lengths[cut[0]!]!.map((first, part) =>
        part === 0 ? first : count * Math.max(...cut.map((i) => lengths[i]![part]!))
      )
    );
    return microBatches(together, Math.max(1, Math.floor(size / count)))
      .map((batch) => batch.flatMap((at) => cuts[at]!));
  });
}

/** {@link microBatches} of sequences; those of which no token counts are in none. */
export function sequenceMicroBatches(sequences: readonly Sequence[], size = 4): number[][] {
  const lengths = sequences.map((s) =>
    countedTokens(s) === 0 ? 0 : [s.query.length, s.response.length]
  );
  return microBatches(lengths, size);
}
