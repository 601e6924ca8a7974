import { paddedTokens, type Unit } from "./scoring_job.ts";

/** Bounds of a batch of several units. */
export interface BatchLimits {
  readonly maxItems: number;
  /** Padded tokens: items times the longest. */
  readonly maxTokens: number;
}

/**
 * What runs next: the unit that has waited longest, alone where it is a group to be executed as sent; else with
 * those of its model that are nearest to it in length, as many as fit: little padding, and nobody is overtaken
 * for ever.
 */
export function pickBatch(waiting: readonly Unit[], limits: BatchLimits): Unit[] {
  const [first] = waiting;
  if (first === undefined) return [];
  const { asSent, model } = first.job.request;
  if (asSent) return [first];
  const single = waiting.filter(({ job: { request } }) =>
    !request.asSent && request.model === model
  );
  const sorted = single.toSorted((a, b) => a.longest - b.longest);
  let from = sorted.indexOf(first);
  let to = from + 1;
  const fits = (a: number, b: number) =>
    b - a <= limits.maxItems && paddedTokens(sorted.slice(a, b)) <= limits.maxTokens;
  while (true) {
    const shorter = sorted[from - 1];
    const longer = sorted[to];
    const down = shorter !== undefined && fits(from - 1, to);
    const up = longer !== undefined && fits(from, to + 1);
    if (!down && !up) return sorted.slice(from, to);
    const nearer = down &&
      (!up || first.longest - shorter.longest <= longer.longest - first.longest);
    if (nearer) from--;
    else to++;
  }
}
