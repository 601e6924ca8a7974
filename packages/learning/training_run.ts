import type { LearningSession } from "./learning_session.ts";
import type { UpdateOutcome } from "./optimizer.ts";
import { dataOrder } from "@decorum/text";

export interface TrainingRun {
  /** Examples of one update. */
  readonly batchSize: number;
  /** Updates in all, those before a resume counted. */
  readonly steps: number;
  /** Of the order of the data. */
  readonly seed: number;
}

/** What one update reports. */
export interface TrainMetrics extends UpdateOutcome {
  /** Counted from 0. */
  readonly step: number;
  /** Mean over the mini-batch, in nats. */
  readonly loss: number;
  /** Tokens (texts, pairs) that the means are over. */
  readonly count: number;
  /** The update's scalar outputs, `loss` among them. */
  readonly means: Readonly<Record<string, number>>;
}

/**
 * Trains until `steps` updates were tried, and reports each. The data is shuffled for each epoch; the place
 * in it follows from the session's state, so a restored one goes on where it was.
 *
 * @throws InputError when the data does not fill one batch
 */
export async function* train<E, I, P>(
  session: Pick<LearningSession<E, I, P>, "update" | "steps">,
  data: readonly E[],
  { batchSize, steps, seed }: TrainingRun,
): AsyncGenerator<TrainMetrics> {
  const order = dataOrder(data.length, seed);
  while (session.steps < steps) {
    const step = session.steps;
    const batch = order.batchAt(step, batchSize).map((row) => data[row]!);
    yield { step, ...await session.update(batch) };
  }
}
