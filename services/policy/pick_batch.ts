import { paddedTokens, type Row, type Work } from "./work.ts";

/** Bounds of a batch of several requests. */
export interface BatchLimits {
  readonly maxPrompts: number;
  /** Padded tokens: see {@link paddedTokens}. */
  readonly maxTokens: number;
}

type Waiting = Pick<Work, "request" | "rows">;

/**
 * What runs next: the first that waits, alone where it is to be executed as sent; else with others that use
 * the same weights and sampling and fit, those of like length first.
 */
export function pickBatch<W extends Waiting>(waiting: readonly W[], limits: BatchLimits): W[] {
  const [first, ...others] = waiting;
  if (first === undefined) return [];
  if (first.request.asSent) return [first];
  const length = longestPrompt(first.rows);
  const distance = ({ rows }: W) => Math.abs(longestPrompt(rows) - length);
  const batch = [first];
  let rows: readonly Row[] = first.rows;
  const candidates = others.filter((other) => fitTogether(first, other))
    .sort((a, b) => distance(a) - distance(b));
  for (const candidate of candidates) {
    const together = [...rows, ...candidate.rows];
    if (together.length > limits.maxPrompts || paddedTokens(together) > limits.maxTokens) continue;
    batch.push(candidate);
    rows = together;
  }
  return batch;
}

function fitTogether({ request: a }: Waiting, { request: b }: Waiting): boolean {
  return !b.asSent && a.weights === b.weights &&
    a.sampling.doSample === b.sampling.doSample &&
    a.sampling.temperature === b.sampling.temperature &&
    a.sampling.topK === b.sampling.topK &&
    a.sampling.topP === b.sampling.topP;
}

function longestPrompt(rows: readonly Row[]): number {
  return Math.max(...rows.map(({ ids }) => ids.length));
}
