/** Sequences that are padded to one length. */
export interface Shape {
  /** Number of sequences. */
  readonly rows: number;
  /** Tokens of the longest input. */
  readonly inputTokens: number;
  /** Most tokens that are generated for one of them; 0 where nothing is generated. */
  readonly outputTokens: number;
}

/** What goes into a batch whole: a request, or a piece of one. */
export interface Part extends Shape {
  /**
   * Parts may share a batch where these are the same values, one by one: the model, its weights, settings.
   * Undefined: the part is a batch of its own, whatever its size.
   */
  readonly key: readonly unknown[] | undefined;
}

/** Bounds of a batch of several parts. */
export interface BatchLimits {
  readonly maxRows: number;
  /** See {@link paddedTokens}. */
  readonly maxTokens: number;
}

/** Positions that sequences take when they are padded: rows times (longest input + longest output). */
export function paddedTokens({ rows, inputTokens, outputTokens }: Shape): number {
  return rows * (inputTokens + outputTokens);
}

/**
 * What runs next: the part that has waited longest, and those of its key that are nearest to it in length, as many as
 * fit. So there is little padding, and no part is overtaken for ever.
 *
 * @param waiting one part or more, in the order in which they came
 * @returns the batch in the order of its lengths; `full`: nothing can be gained by waiting for more parts
 */
export function pickBatch<P extends Part>(
  [first, ...others]: readonly [P, ...P[]],
  limits: BatchLimits,
): { batch: P[]; full: boolean } {
  const { key } = first;
  if (key === undefined) return { batch: [first], full: true };
  const distance = (part: P) => Math.abs(lengthOf(part) - lengthOf(first));
  const candidates = others.filter((part) => sameKey(part.key, key))
    .sort((a, b) => distance(a) - distance(b));
  const batch = [first];
  let shape: Shape = first;
  let full = false;
  for (const candidate of candidates) {
    const larger = joined(shape, candidate);
    if (fits(larger, limits)) {
      batch.push(candidate);
      shape = larger;
    } else full = true;
  }
  full ||= !fits(joined(shape, { rows: 1, inputTokens: 0, outputTokens: 0 }), limits);
  return { batch: batch.sort((a, b) => lengthOf(a) - lengthOf(b)), full };
}

/** Whether a batch may hold this and more. */
export function fits(shape: Shape, { maxRows, maxTokens }: BatchLimits): boolean {
  return shape.rows <= maxRows && paddedTokens(shape) <= maxTokens;
}

function joined(a: Shape, b: Shape): Shape {
  return {
    rows: a.rows + b.rows,
    inputTokens: Math.max(a.inputTokens, b.inputTokens),
    outputTokens: Math.max(a.outputTokens, b.outputTokens),
  };
}

function lengthOf({ inputTokens, outputTokens }: Shape): number {
  return inputTokens + outputTokens;
}

function sameKey(a: readonly unknown[] | undefined, b: readonly unknown[]): boolean {
  return a !== undefined && a.length === b.length && a.every((value, i) => value === b[i]);
}
