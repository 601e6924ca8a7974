/** Lets several wait for the next time that something changes, as a condition variable does. */
export class Condition {
  #next = Promise.withResolvers<void>();

  /** Resolves at the next `notify`. */
  wait(): Promise<void> {
    return this.#next.promise;
  }

  /** Wakes all who wait now. */
  notify(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}
