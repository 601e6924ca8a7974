import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { LabelsOf, Logger, Metrics } from "@decorum/telemetry";

/** Where a reload is logged and counted. */
export interface ReloadHost {
  readonly logger?: Logger | undefined;
  readonly metrics?: Metrics | undefined;
}

interface ReloadedFilesOptions<T> extends ReloadHost {
  readonly kind: LabelsOf<"decorum_credential_reloads_total">["kind"];
  readonly files: readonly string[];
  /** The value of the files' contents, in their order. Throws where they do not fit. */
  readonly parse: (contents: readonly Buffer[]) => T;
  /** Milliseconds between two looks at the files; default 5000. */
  readonly everyMs?: number;
  /** Milliseconds of a clock that does not go back. */
  readonly now?: () => number;
}

/**
 * What small files hold, read again when they have changed: certificates and tokens are replaced while a process
 * runs. Files that cannot be read, or do not fit together yet, leave the last value in place and are logged.
 */
export class ReloadedFiles<T> {
  #contents: readonly Buffer[];
  #value: T;
  #lookedMs: number;
  #failure = "";

  /** @throws Error when a file cannot be read, or as `parse` does */
  constructor(readonly options: ReloadedFilesOptions<T>) {
    this.#contents = options.files.map((file) => readFileSync(file));
    this.#value = options.parse(this.#contents);
    this.#lookedMs = this.#now();
  }

  /** The value, at most `everyMs` old. */
  get value(): T {
    if (this.#now() - this.#lookedMs >= (this.options.everyMs ?? 5000)) this.look();
    return this.#value;
  }

  /** Looks at the files now. @returns whether there is a new value */
  look(): boolean {
    const { kind, files, parse, logger, metrics } = this.options;
    this.#lookedMs = this.#now();
    try {
      const contents = files.map((file) => readFileSync(file));
      if (contents.every((bytes, i) => bytes.equals(this.#contents[i]!))) {
        this.#failure = "";
        return false;
      }
      this.#value = parse(contents);
      this.#contents = contents;
      this.#failure = "";
      logger?.info("credentials read again", { kind, files });
      metrics?.add("decorum_credential_reloads_total", 1, { kind, outcome: "loaded" });
      return true;
    } catch (error) {
      const message = (error as Error).message;
      // The same complaint every few seconds helps nobody.
      if (message !== this.#failure) {
        logger?.error("credentials could not be read again; the last ones stay", { kind, error });
        metrics?.add("decorum_credential_reloads_total", 1, { kind, outcome: "failed" });
      }
      this.#failure = message;
      return false;
    }
  }

  #now(): number {
    return (this.options.now ?? (() => performance.now()))();
  }
}
