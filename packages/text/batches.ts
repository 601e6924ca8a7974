import { InputError, permutation, randomKey } from "@decorum/tensor";

/** The order in which a training run meets its rows, addressed by position. */
export interface DataOrder {
  /**
   * Batch `step` (0, 1, ...) of `batchSize` rows, all of one epoch: the rows that do not fill a last
   * batch are left to the next epoch's shuffle, as TRL's loader with `drop_last` does.
   */
  batchAt(step: number, batchSize: number): number[];
}

/**
 * The order of `rows` rows, shuffled for each epoch by `seed` and epoch alone. It holds no
 * position: a run that resumes at step n asks for batch n and gets what an uninterrupted run gets.
 *
 * @throws InputError for no rows, a negative step, or a batch larger than the data.
 */
export function dataOrder(rows: number, seed: number): DataOrder {
  checkInteger(rows, 1, "order", "rows");
  let epoch = -1;
  let order = new Uint32Array();
  const rowOf = (wanted: number, index: number): number => {
    if (wanted !== epoch) {
      order = permutation(randomKey(seed, "data order", wanted), rows);
      epoch = wanted;
    }
    return order[index] ?? 0;
  };
  return {
    batchAt(step, batchSize) {
      checkInteger(step, 0, "read a batch at", "step");
      checkInteger(batchSize, 1, "read a batch of", "rows");
      const perEpoch = Math.floor(rows / batchSize);
      if (perEpoch < 1) {
        throw new InputError(
          `Cannot make a batch of ${batchSize} rows from ${rows}: lower the batch size or add data`,
        );
      }
      const [wanted, start] = [Math.floor(step / perEpoch), (step % perEpoch) * batchSize];
      return Array.from({ length: batchSize }, (_, i) => rowOf(wanted, start + i));
    },
  };
}

function checkInteger(value: number, least: number, action: string, what: string): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InputError(`Cannot ${action} ${value} ${what}: expected an integer from ${least}`);
}
