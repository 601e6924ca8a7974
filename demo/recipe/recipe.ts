import type { TrainMetrics } from "@decorum/learning";
import type { RuntimeOptions } from "@decorum/runtime";

/** What the making of all three models shares. */
export interface Recipe {
  readonly seed: number;
  /** A few steps only, to see that it runs. */
  readonly quick: boolean;
  readonly runtime: RuntimeOptions;
  readonly log: (line: string) => void;
}

/** Logs one line every so many steps. */
export function report(
  { log }: Recipe,
  model: string,
  steps: number,
  { step, loss, applied, reason }: TrainMetrics,
): void {
  if (!applied) log(`${model}: step ${step} skipped: ${reason}`);
  else if ((step + 1) % 100 === 0) {
    log(`${model}: step ${step + 1} of ${steps}, loss ${loss.toFixed(4)}`);
  }
}
