import { Condition, delay } from "@decorum/async";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkVersion, RunReader, STORE_FILE } from "./reader.ts";
import type {
  EvaluationRow,
  EventRow,
  Metrics,
  RunRow,
  RunState,
  SampleRow,
  StepRow,
} from "./records.ts";
import { bringUpToDate, versionOf } from "./schema.ts";
import { storeError } from "./store_error.ts";

/** The store of one folder of runs, for the trainer: it writes, and any number of readers may read meanwhile. */
export class RunStore extends RunReader {
  readonly #changed = new Condition();

  /**
   * @param folder is made where it is missing
   * @throws StoreError for a store that is damaged, or that a newer version wrote
   */
  constructor(folder: string) {
    super(folder, openToWrite(folder), false);
  }

  createRun(run: Pick<RunRow, "runId" | "totalSteps" | "startedMs" | "configJson" | "configHash">) {
    this.#write(() =>
      this.prepare(
        `INSERT INTO runs (run_id, state, total_steps, started_ms, config_json, config_hash)
         VALUES (?, 'STARTING', ?, ?, ?, ?)`,
      ).run(run.runId, run.totalSteps, run.startedMs, run.configJson, run.configHash)
    );
  }

  setState(runId: string, state: RunState, message: string, endedMs = 0): void {
    this.#write(() =>
      this.prepare("UPDATE runs SET state = ?, message = ?, ended_ms = ? WHERE run_id = ?")
        .run(state, message, endedMs, runId)
    );
  }

  setMessage(runId: string, message: string): void {
    this.#write(() =>
      this.prepare("UPDATE runs SET message = ? WHERE run_id = ?").run(message, runId)
    );
  }

  setVersion(runId: string, version: number): void {
    this.#write(() =>
      this.prepare("UPDATE runs SET weights_version = ? WHERE run_id = ?").run(version, runId)
    );
  }

  setCheckpoint(runId: string, step: number): void {
    this.#write(() =>
      this.prepare("UPDATE runs SET checkpoint_step = ? WHERE run_id = ?").run(step, runId)
    );
  }

  /** Records a step that was taken: all of it or nothing. */
  recordStep(
    runId: string,
    { step, unixMs, metrics }: StepRow,
    samples: readonly SampleRow[],
  ): void {
    this.#write(() => {
      this.prepare("INSERT INTO steps VALUES (?, ?, ?)").run(runId, step, unixMs);
      this.#putMetrics(runId, step, metrics);
      const put = this.prepare("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
      samples.forEach(({ prompt, response, score, tokens, scores }, i) =>
        put.run(
          ...[runId, step, i, prompt, response, score],
          ...[tokens ?? null, scores === undefined ? null : JSON.stringify(scores)],
        )
      );
      this.prepare("UPDATE runs SET step = ?, message = '' WHERE run_id = ?").run(step, runId);
    });
  }

  /** Adds metrics to a step on record, or replaces them. */
  addMetrics(runId: string, step: number, metrics: Metrics): void {
    this.#write(() => this.#putMetrics(runId, step, metrics));
  }

  addEvent(
    runId: string,
    { step, unixMs, kind, message }: Omit<EventRow, "id">,
  ): void {
    this.#write(() =>
      this.prepare(
        "INSERT INTO events (run_id, step, unix_ms, kind, message) VALUES (?, ?, ?, ?, ?)",
      ).run(runId, step, unixMs, kind, message)
    );
  }

  /** Records what was measured of a step's weights, in place of what was measured before. */
  addEvaluation(runId: string, { step, unixMs, result }: EvaluationRow): void {
    this.#write(() =>
      this.prepare("INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?)")
        .run(runId, step, unixMs, JSON.stringify(result))
    );
  }

  /** Forgets what was recorded after step `step`: a run that resumes there records it again. */
  rewind(runId: string, step: number): void {
    this.#write(() => {
      for (const table of ["steps", "samples", "evaluations"]) {
        this.prepare(`DELETE FROM ${table} WHERE run_id = ? AND step > ?`).run(runId, step);
      }
      this.prepare(
        "DELETE FROM points WHERE series IN (SELECT id FROM series WHERE run_id = ?) AND step > ?",
      ).run(runId, step);
      this.prepare(
        "UPDATE runs SET step = ?, checkpoint_step = ?, state = 'STARTING', message = '', ended_ms = 0 WHERE run_id = ?",
      ).run(step, step, runId);
    });
  }

  /** Resolves at the next change that this process makes, after `ms`, or when `signal` is aborted. */
  async changed(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#changed.wait(), delay(ms, signal, over.signal)]);
    over.abort();
  }

  #putMetrics(runId: string, step: number, metrics: Metrics): void {
    const name = this.prepare("INSERT OR IGNORE INTO series (run_id, name) VALUES (?, ?)");
    const put = this.prepare(
      `INSERT OR REPLACE INTO points
       SELECT id, ?, ? FROM series WHERE run_id = ? AND name = ?`,
    );
    for (const [metric, value] of Object.entries(metrics)) {
      name.run(runId, metric);
      put.run(step, Number.isFinite(value) ? value : null, runId, metric);
    }
  }

  #write(change: () => void): void {
    this.db.exec("BEGIN IMMEDIATE");
    try {
      change();
      this.db.exec("COMMIT");
    } catch (error) {
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      const file = join(this.folder, STORE_FILE);
      throw new Error(`Cannot write ${file}: ${(error as Error).message}`, { cause: error });
    }
    this.#changed.notify();
  }
}

/** Opens or makes the database of a folder, with tables that are up to date. */
function openToWrite(folder: string): DatabaseSync {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, STORE_FILE);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    // FULL: a checkpoint on disk must never be ahead of the rows that it counts on.
    db.exec("PRAGMA busy_timeout = 10000");
    db.prepare("PRAGMA journal_mode = WAL").get();
    db.exec("PRAGMA synchronous = FULL");
    checkVersion(file, versionOf(db) ?? 0);
    db.exec("BEGIN IMMEDIATE");
    bringUpToDate(db);
    db.exec("COMMIT");
    return db;
  } catch (error) {
    db?.close();
    throw storeError(file, error);
  }
}
