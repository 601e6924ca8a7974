/** How near a classifier's int8 logits come to those in fp32, on `sampleTexts`. */
export interface Int8Agreement {
  /** Texts that were compared. */
  readonly texts: number;
  /** Largest and mean absolute difference of a logit. */
  readonly maxDifference: number;
  readonly meanDifference: number;
  /** Largest difference of two logits of the same label in fp32: what the differences are small beside, or not. */
  readonly spread: number;
  /** Texts whose highest logit is of the same label; for a single label, of the same sign. */
  readonly sameLabel: number;
}

/**
 * Compares logits, `[texts][labels]`.
 *
 * @param fp32, int8 of the same texts
 */
export function int8Agreement(
  fp32: readonly ArrayLike<number>[],
  int8: readonly ArrayLike<number>[],
): Int8Agreement {
  const differences = fp32.flatMap((row, i) =>
    Array.from(row, (x, label) => Math.abs(x - int8[i]![label]!))
  );
  const spreads = Array.from(fp32[0] ?? [], (_, label) => {
    const column = fp32.map((row) => row[label]!);
    return Math.max(...column) - Math.min(...column);
  });
  return {
    texts: fp32.length,
    // NaN where a logit is none, so that no limit lets it pass.
    maxDifference: Math.max(...differences),
    meanDifference: differences.reduce((sum, x) => sum + x, 0) / differences.length,
    spread: Math.max(...spreads),
    sameLabel: fp32.filter((row, i) => highest(row) === highest(int8[i]!)).length,
  };
}

function highest(row: ArrayLike<number>): number {
  const values = Array.from(row);
  return values.length === 1 ? Math.sign(values[0]!) : values.indexOf(Math.max(...values));
}

/** One line for people. */
export function describeAgreement(agreement: Int8Agreement): string {
  const { texts, maxDifference, meanDifference, spread, sameLabel } = agreement;
  return `logits in int8 differ from fp32 by ${maxDifference.toFixed(4)} at most, ` +
    `${meanDifference.toFixed(4)} on average, over a range of ${spread.toFixed(4)}; ` +
    `${sameLabel} of ${texts} texts keep their label`;
}
