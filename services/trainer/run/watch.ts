import { type EventKind, isActive, type Metrics, type RunState } from "@decorum/runs";
import type { Trainer } from "./trainer.ts";

/** A step, or a change of state. */
export interface WatchUpdate {
  /** 0: only state or message are new. */
  readonly step: number;
  readonly metrics: Metrics;
  readonly unixMs: number;
  readonly state: RunState;
  readonly totalSteps: number;
  readonly message: string;
}

/** Milliseconds after which a run of another process is looked at again. */
const LOOK_MS = 1000;
/** Events that are messages for people; steps and states tell the rest. */
const spoken: readonly EventKind[] = ["note", "service"];

/**
 * Steps on record from `fromStep` on, then those to come, changes of state and messages, until the run ends.
 *
 * @param fromStep 0: steps to come only
 */
export async function* watchRun(
  trainer: Trainer,
  runId: string,
  fromStep: number,
  signal: AbortSignal,
): AsyncGenerator<WatchUpdate> {
  const { store } = trainer;
  let next = fromStep > 0 ? fromStep : trainer.run(runId).step + 1;
  let event = store.events(runId).at(-1)?.id ?? 0;
  let state: RunState | undefined;
  for (;;) {
    // Armed before reading, so that nothing falls between the two.
    const armed = new AbortController();
    const changed = store.changed(LOOK_MS, AbortSignal.any([signal, armed.signal]));
    const run = trainer.run(runId);
    const { totalSteps } = run;
    for (const { step, unixMs, metrics } of store.steps(runId, next)) {
      yield { step, metrics, unixMs, state: run.state, totalSteps, message: "" };
      next = step + 1;
    }
    for (const { id, unixMs, kind, message } of store.events(runId, event)) {
      event = id;
      if (!spoken.includes(kind)) continue;
      yield { step: 0, metrics: {}, unixMs, state: run.state, totalSteps, message };
    }
    if (run.state !== state) {
      state = run.state;
      yield { step: 0, metrics: {}, unixMs: Date.now(), state, totalSteps, message: run.message };
    }
    if (!isActive(run.state) || signal.aborted) {
      armed.abort();
      return;
    }
    await changed;
  }
}
