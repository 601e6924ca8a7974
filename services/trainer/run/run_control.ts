import { Condition } from "@decorum/async";
import { failedPrecondition } from "@decorum/rpc";
import type { WrittenCheckpoint } from "@decorum/learning";

/** How a run was told to end before its last step. */
export type Ending = "stop" | "stop without checkpoint" | "interrupt";

/**
 * What others ask of a run. It is heard between two steps; a wait for a service ends at once.
 *
 * "interrupt" is the end of the process: calls on their way are cancelled too.
 */
export class RunControl {
  readonly #stop = new AbortController();
  readonly #cancel = new AbortController();
  #ending: Ending | undefined;
  #pausing: PromiseWithResolvers<void> | undefined;
  #checkpoints: PromiseWithResolvers<WrittenCheckpoint>[] = [];
  readonly #changed = new Condition();
  #over = false;

  constructor(readonly runId: string) {}

  /** Aborted when waits must end. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted when calls must end too. */
  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  get pauseWanted(): boolean {
    return this.#pausing !== undefined;
  }

  /** Asks for a pause; resolves when the run has paused. */
  pause(): Promise<void> {
    this.#refuseWhenOver();
    this.#pausing ??= handled();
    this.#changed.notify();
    return this.#pausing.promise;
  }

  /** Takes a pause back. @returns false where there was none */
  resume(): boolean {
    const was = this.#pausing;
    this.#pausing = undefined;
    was?.reject(failedPrecondition(`Run "${this.runId}" was resumed before it had paused`));
    this.#changed.notify();
    return was !== undefined;
  }

  /** Asks for a checkpoint after the step that is being taken. */
  checkpoint(): Promise<WrittenCheckpoint> {
    this.#refuseWhenOver();
    const wanted = handled<WrittenCheckpoint>();
    this.#checkpoints.push(wanted);
    this.#changed.notify();
    return wanted.promise;
  }

  /** Asks for the end; the first way of ending counts, but an interrupt always cancels calls. */
  end(ending: Ending): void {
    this.#ending ??= ending;
    this.#stop.abort();
    if (ending === "interrupt") this.#cancel.abort();
    this.#changed.notify();
  }

  /** For the run: it has paused. */
  paused(): void {
    this.#pausing?.resolve();
  }

  /** For the run: checkpoints that are asked for, which it takes over. */
  takeCheckpoints(): PromiseWithResolvers<WrittenCheckpoint>[] {
    const wanted = this.#checkpoints;
    this.#checkpoints = [];
    return wanted;
  }

  /** For the run: resolves when something was asked since the call. */
  changed(): Promise<void> {
    return this.#changed.wait();
  }

  /** For the run: it has ended, nothing more will be done. */
  close(): void {
    this.#over = true;
    const ended = () => failedPrecondition(`Run "${this.runId}" ended before that`);
    this.#pausing?.reject(ended());
    for (const { reject } of this.takeCheckpoints()) reject(ended());
    this.#changed.notify();
  }

  #refuseWhenOver(): void {
    if (this.#over) throw failedPrecondition(`Run "${this.runId}" has ended`);
  }
}

/** A promise whose rejection is no crash when nobody waits any more. */
function handled<T>(): PromiseWithResolvers<T> {
  const promise = Promise.withResolvers<T>();
  promise.promise.catch(() => {});
  return promise;
}
