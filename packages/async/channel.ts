/** Values from one producer to one consumer; nothing is lost before the end or the error. */
export class Channel<T> {
  readonly #waiting: T[] = [];
  #end: { readonly error?: unknown } | undefined;
  #wake = (): void => {};

  /** True once `end` or `fail` was called. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Adds a value; after the end it is dropped. */
  send(value: T): void {
    if (this.#end) return;
    this.#waiting.push(value);
    this.#wake();
  }

  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  /** The consumer gets `error` after the values sent before it. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** All values that wait, each time there are some. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T[], void> {
    while (true) {
      if (this.#waiting.length > 0) yield this.#waiting.splice(0);
      else if (this.#end) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      } else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
