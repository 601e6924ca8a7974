import { constants } from "node:os";
import process from "node:process";

const signals = ["SIGINT", "SIGTERM"] as const;

/** Work was ended by a signal, and what it had started is ended too. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";

  /** @param exitCode what a shell expects: 130 for Ctrl-C */
  constructor(readonly exitCode: number) {
    super("interrupted");
  }
}

/**
 * Listens for Ctrl-C and SIGTERM until it is disposed, so that work can end at a place from which it continues. The
 * second signal ends the process at once.
 */
export class Interruption implements Disposable {
  readonly #arrived = Promise.withResolvers<void>();
  #signal: typeof signals[number] | undefined;
  readonly #listener = (signal: NodeJS.Signals): void => {
    if (this.#signal !== undefined) process.exit(exitCode(signal));
    this.#signal = signal as typeof signals[number];
    this.#arrived.resolve();
  };

  constructor() {
    for (const signal of signals) process.on(signal, this.#listener);
  }

  /** Whether a signal has come. */
  get requested(): boolean {
    return this.#signal !== undefined;
  }

  /** Resolves with the first signal. */
  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  /** What a shell expects of a process that a signal ended: 130 for Ctrl-C. */
  get exitCode(): number {
    return this.#signal === undefined ? 0 : exitCode(this.#signal);
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#listener);
  }
}

function exitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
