import { InputError } from "@decorum/tensor";
/** Factor on the learning rate at update `step`, counted from 0. */
export type Schedule = (step: number) => number;

/** Settings shared by the schedules. */
interface WarmupOptions {
  /** Updates over which the factor climbs from 0 to 1; default 0. */
  readonly warmupSteps?: number;
}

/**
 * 1 after the warm-up, as `transformers.get_constant_schedule_with_warmup`.
 *
 * @throws InputError when a count of steps is not a whole number of at least 0
 */
export function constantSchedule({ warmupSteps = 0 }: WarmupOptions = {}): Schedule {
  checkSteps("warmupSteps", warmupSteps);
  return (step) => {
    checkSteps("step", step);
    return step < warmupSteps ? step / warmupSteps : 1;
  };
}

/**
 * From 1 after the warm-up down to 0 at `totalSteps` and beyond, as
 * `transformers.get_linear_schedule_with_warmup`.
 *
 * @throws InputError when a count of steps is not a whole number of at least 0, or the warm-up is longer than the run
 */
export function linearSchedule(
  { warmupSteps = 0, totalSteps }: WarmupOptions & { readonly totalSteps: number },
): Schedule {
  checkSteps("warmupSteps", warmupSteps);
  checkSteps("totalSteps", totalSteps);
  if (warmupSteps > totalSteps) {
    throw new InputError(
      `warmupSteps is ${warmupSteps}, more than totalSteps ${totalSteps}: expected a warm-up within the run`,
    );
  }
  return (step) => {
    checkSteps("step", step);
    if (step < warmupSteps) return step / warmupSteps;
    return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
  };
}

function checkSteps(field: string, steps: number): void {
  if (!Number.isSafeInteger(steps) || steps < 0) {
    throw new InputError(
      `Schedule field ${field} is ${steps}: expected a whole number of at least 0`,
    );
  }
}
