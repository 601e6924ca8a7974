import { encoderRuns } from "@decorum/generation";
import { microBatches } from "@decorum/learning";
import type { Sequence } from "@decorum/models";

/** Share of positions (rows of the linear layers) that hold no token, of all that are computed. */
export interface PaddingWaste {
  readonly rollout: number;
  readonly reference: number;
  readonly update: number;
}

/** Padding as the parts make it: prompts and responses cut into runs, rows that have ended and still run. */
export function paddingWaste(
  sequences: readonly Sequence[],
  order: readonly number[],
  size: number,
): PaddingWaste {
  const sizes = sequences.map((s) => [s.query.length, s.response.length] as const);
  const real = sizes.reduce((sum, [query, response]) => sum + query + response, 0);
  const positions = (batches: readonly (readonly number[])[], sides: readonly (0 | 1)[]) =>
    batches.reduce((sum, batch) =>
      sum + sides.reduce<number>(
        (width, side) => width + batch.length * Math.max(...batch.map((i) => sizes[i]![side])),
        0,
      ), 0);
  const cut = (items: readonly number[]) =>
    microBatches(items.map((i) => sizes[i]!), 4).map((batch) => batch.map((at) => items[at]!));
  const all = sizes.map((_, i) => i);
  const minibatches = Array.from(
    { length: Math.ceil(order.length / size) },
    (_, i) => order.slice(i * size, (i + 1) * size),
  );
  const encoded = positions(encoderRuns(sizes.map(([query]) => query), "cpu"), [0]);
  const waste = (computed: number) => 1 - real / computed;
  return {
    rollout: waste(encoded + decodedPositions(sizes.map(([, response]) => response))),
    reference: waste(positions(cut(all), [0, 1])),
    update: waste(positions(minibatches.flatMap(cut), [0, 1])),
  };
}

/** Rows times steps, rows being dropped once a quarter of them has ended (`fewGoOn` of `@decorum/generation`). */
function decodedPositions(lengths: readonly number[]): number {
  let rows = [...lengths];
  let computed = 0;
  for (let step = 1; rows.some((length) => length >= step); step++) {
    computed += rows.length;
    const left = rows.filter((length) => length > step);
    if (left.length * 4 <= rows.length * 3) rows = left;
  }
  return computed;
}
