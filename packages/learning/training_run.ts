import { dataOrder } from "@decorum/text";
import type { TrainMetrics } from "./sft.ts";
import type { TrainState } from "./optimizer.ts";

/** A trainer of examples of one kind: `SftTrainer`, `RewardTrainer`. */
export interface ExampleTrainer<E> {
  update(examples: readonly E[]): Promise<TrainMetrics>;
  state(): TrainState;
}

export interface TrainingRun {
  /** Examples of one update. */
  readonly batchSize: number;
  /** Updates in all, those before a resume counted. */
  readonly steps: number;
  /** Of the order of the data. */
  readonly seed: number;
}

/**
 * Trains until `steps` updates were tried, and reports each. The data is shuffled anew each epoch; the place
 * in it follows from the trainer's state, so a restored trainer goes on where it was.
 *
 * @throws InputError when the data does not fill one batch
 */
export async function* train<E>(
  trainer: ExampleTrainer<E>,
  data: readonly E[],
  { batchSize, steps, seed }: TrainingRun,
): AsyncGenerator<TrainMetrics & { readonly step: number }> {
  const order = dataOrder(data.length, seed);
  const done = () => trainer.state().updates + trainer.state().skipped;
  while (done() < steps) {
    const step = done();
    const batch = order.batchAt(step, batchSize).map((row) => data[row]!);
    yield { step, ...await trainer.update(batch) };
  }
}
