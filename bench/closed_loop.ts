/** One turn of load on one server. */
export interface Turn {
  readonly textsPerSecond: number;
  /** Milliseconds of every call. */
  readonly latencies: readonly number[];
}

/** Callers that each send the next text as soon as they have their answer, until all texts are answered. */
export async function closedLoop(
  texts: readonly string[],
  callers: number,
  score: (text: string) => Promise<number>,
): Promise<Turn> {
  const latencies: number[] = [];
  let next = 0;
  const begin = performance.now();
  const caller = async () => {
    for (let text = texts[next++]; text !== undefined; text = texts[next++]) {
      const sent = performance.now();
      if (!Number.isFinite(await score(text))) throw new Error("a score is not a finite number");
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { textsPerSecond: texts.length / ((performance.now() - begin) / 1000), latencies };
}

/** The value that a share of all does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
