/** The time of a {@link Deadline} has passed. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * A signal that is aborted when `ms` milliseconds have passed since the deadline was made or last restarted, or
 * when a parent signal is.
 *
 * @example
 *     using silence = new Deadline(30_000, "no data came");
 *     for await (const part of read(silence.signal)) silence.restart();
 */
export class Deadline implements Disposable {
  readonly #late = new AbortController();
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout>;

  /** @param what the reason, a {@link DeadlineError}, says that this took too long */
  constructor(
    readonly ms: number,
    readonly what: string,
    ...parents: readonly (AbortSignal | undefined)[]
  ) {
    const given = parents.filter((signal) => signal !== undefined);
    this.signal = AbortSignal.any([this.#late.signal, ...given]);
    this.#timer = this.#start();
  }

  /** Counts the time from now. Without effect once it has passed. */
  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  #start(): ReturnType<typeof setTimeout> {
    return setTimeout(
      () => this.#late.abort(new DeadlineError(`${this.what} for ${this.ms / 1000} s`)),
      this.ms,
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
