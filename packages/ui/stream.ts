import { problemOf } from "./api.ts";
import type { RunSource, RunSummary } from "./source.ts";

/** Milliseconds between two looks at what is on record. */
const LOOK_MS = 500;
/** Most milliseconds between two messages, so that a broken connection is noticed. */
const QUIET_MS = 10_000;

/** What a page hears: runs that are new or have changed, what keeps them from being read, or that nothing has changed. */
export type StreamMessage =
  | { readonly runs: readonly RunSummary[]; readonly older: boolean; readonly all: boolean }
  | { readonly problem: string }
  | Record<string, never>;

/**
 * All runs, then those that change, for any number of pages over one look at the source.
 *
 * A message that is sent again after a problem holds all runs again.
 */
export class RunStream implements Disposable {
  readonly #listeners = new Set<(message: StreamMessage) => void>();
  readonly #known = new Map<string, string>();
  #rows: readonly RunSummary[] = [];
  #problem: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saidAt = 0;
  #over = false;

  constructor(
    readonly source: RunSource,
    /** Told what is no fault of the store. */
    readonly failed: (error: unknown) => void,
  ) {}

  /** Listens until the function that it returns is called. */
  listen(hear: (message: StreamMessage) => void): () => void {
    const first = this.#listeners.size === 0;
    this.#listeners.add(hear);
    if (first) {
      this.#known.clear();
      this.#problem = undefined;
      void this.#look();
    } else if (this.#problem !== undefined) {
      hear({ problem: this.#problem });
    } else {
      hear({ runs: this.#rows, older: this.source.older(), all: true });
    }
    return () => {
      this.#listeners.delete(hear);
      if (this.#listeners.size === 0) clearTimeout(this.#timer);
    };
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    const message = await this.#news();
    if (this.#over || this.#listeners.size === 0) return;
    if (message || Date.now() - this.#saidAt > QUIET_MS) {
      this.#saidAt = Date.now();
      for (const hear of [...this.#listeners]) hear(message ?? {});
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  async #news(): Promise<StreamMessage | undefined> {
    try {
      const rows = await this.source.runs();
      const all = this.#known.size === 0 || this.#problem !== undefined ||
        rows.length < this.#rows.length;
      if (all) this.#known.clear();
      const changed = rows.filter((row) => {
        const text = JSON.stringify(row);
        if (this.#known.get(row.runId) === text) return false;
        this.#known.set(row.runId, text);
        return true;
      });
      this.#rows = rows;
      const first = this.#problem !== undefined || all;
      this.#problem = undefined;
      if (changed.length === 0 && !first) return undefined;
      return { runs: changed, older: this.source.older(), all };
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined) this.failed(error);
      const told = problem ??
        "The runs cannot be read: the log of this page's process has the cause";
      if (told === this.#problem) return undefined;
      this.#problem = told;
      return { problem: told };
    }
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }
}
