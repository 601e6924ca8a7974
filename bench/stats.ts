/** Median of a list; the mean of the middle two when their number is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds that `body` takes. */
export async function seconds(body: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await body();
  return (performance.now() - start) / 1000;
}

/**
 * Times several bodies in turn, A B A B .., so that a machine that slows down slows all of them.
 *
 * @param warmups rounds that are not counted: the first runs of a session map weights and grow its arena
 */
export async function alternate(
  bodies: Readonly<Record<string, () => Promise<unknown>>>,
  { rounds, warmups }: { readonly rounds: number; readonly warmups: number },
): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = {};
  for (let round = -warmups; round < rounds; round++) {
    for (const [name, body] of Object.entries(bodies)) {
      const elapsed = await seconds(body);
      if (round >= 0) (times[name] ??= []).push(elapsed);
    }
  }
  return times;
}
