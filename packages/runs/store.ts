import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** States of a run, as in the proto. */
export type RunState =
  | "STARTING"
  | "RUNNING"
  | "PAUSED"
  | "SUCCEEDED"
  | "FAILED"
  | "STOPPED"
  | "INTERRUPTED";

/** True for states that a trainer has to keep alive. */
export const isActive = (state: RunState): boolean =>
  state === "STARTING" || state === "RUNNING" || state === "PAUSED";

/** Metrics of a step by name. */
export type Metrics = Readonly<Record<string, number>>;

/** A run on record. */
export interface RunRow {
  readonly runId: string;
  readonly state: RunState;
  readonly step: number;
  readonly totalSteps: number;
  readonly startedMs: number;
  /** 0: has not ended. */
  readonly endedMs: number;
  readonly weightsVersion: number;
  readonly configJson: string;
  readonly configHash: string;
  readonly message: string;
  readonly checkpointStep: number;
}

/** Metrics of a step, and when it was done. */
export interface StepRow {
  readonly step: number;
  readonly unixMs: number;
  readonly metrics: Metrics;
}

/** What one prompt of a step became. */
export interface SampleRow {
  readonly prompt: string;
  readonly response: string;
  readonly score: number;
}

/** Something to tell people. */
export interface EventRow {
  readonly id: number;
  readonly step: number;
  readonly unixMs: number;
  readonly message: string;
}

const tables = `
  CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, state TEXT NOT NULL, step INTEGER NOT NULL DEFAULT 0, total_steps INTEGER NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, weights_version INTEGER NOT NULL DEFAULT 0,
    config_json TEXT NOT NULL, config_hash TEXT NOT NULL, message TEXT NOT NULL DEFAULT '',
    checkpoint_step INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE IF NOT EXISTS steps (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    PRIMARY KEY (run_id, step)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS metrics (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL, value REAL,
    PRIMARY KEY (run_id, step, name)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS samples (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, place INTEGER NOT NULL, prompt TEXT NOT NULL,
    response TEXT NOT NULL, score REAL NOT NULL, PRIMARY KEY (run_id, step, place)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    message TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS events_of_run ON events (run_id, id);`;

const runColumns =
  `run_id AS runId, state, step, total_steps AS totalSteps, started_ms AS startedMs,
  ended_ms AS endedMs, weights_version AS weightsVersion, config_json AS configJson,
  config_hash AS configHash, message, checkpoint_step AS checkpointStep`;

/** Runs, metrics, samples and events of one folder, in SQLite (`decorum.db`), for any number of readers. */
export class RunStore implements Disposable {
  readonly #db: DatabaseSync;
  readonly #listeners = new Set<() => void>();

  /** @param folder is made where it is missing */
  constructor(readonly folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#db = new DatabaseSync(join(folder, "decorum.db"));
    // FULL: a checkpoint on disk must never be ahead of the rows that it counts on.
    this.#db.exec(
      "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    );
    this.#db.exec(tables);
  }

  createRun(run: Pick<RunRow, "runId" | "totalSteps" | "startedMs" | "configJson" | "configHash">) {
    this.#write(() =>
      this.#db.prepare(
        `INSERT INTO runs (run_id, state, total_steps, started_ms, config_json, config_hash)
         VALUES (?, 'STARTING', ?, ?, ?, ?)`,
      ).run(run.runId, run.totalSteps, run.startedMs, run.configJson, run.configHash)
    );
  }

  run(runId: string): RunRow | undefined {
    const row = this.#db.prepare(`SELECT ${runColumns} FROM runs WHERE run_id = ?`).get(runId);
    return row && ({ ...row } as unknown as RunRow);
  }

  /** Newest first. */
  runs(limit: number, startedBeforeMs: number): RunRow[] {
    const before = startedBeforeMs > 0 ? startedBeforeMs : Number.MAX_SAFE_INTEGER;
    return this.#db.prepare(
      `SELECT ${runColumns} FROM runs WHERE started_ms < ? ORDER BY started_ms DESC, run_id LIMIT ?`,
    ).all(before, limit).map((row) => ({ ...row }) as unknown as RunRow);
  }

  setState(runId: string, state: RunState, message: string, endedMs = 0): void {
    this.#write(() =>
      this.#db.prepare("UPDATE runs SET state = ?, message = ?, ended_ms = ? WHERE run_id = ?")
        .run(state, message, endedMs, runId)
    );
  }

  setMessage(runId: string, message: string): void {
    this.#write(() =>
      this.#db.prepare("UPDATE runs SET message = ? WHERE run_id = ?").run(message, runId)
    );
  }

  setVersion(runId: string, version: number): void {
    this.#write(() =>
      this.#db.prepare("UPDATE runs SET weights_version = ? WHERE run_id = ?").run(version, runId)
    );
  }

  setCheckpoint(runId: string, step: number): void {
    this.#write(() =>
      this.#db.prepare("UPDATE runs SET checkpoint_step = ? WHERE run_id = ?").run(step, runId)
    );
  }

  /** Records a step that was taken: all of it or nothing. */
  recordStep(
    runId: string,
    { step, unixMs, metrics }: StepRow,
    samples: readonly SampleRow[],
  ): void {
    this.#write(() => {
      this.#db.prepare("INSERT INTO steps VALUES (?, ?, ?)").run(runId, step, unixMs);
      this.#putMetrics(runId, step, metrics);
      const sample = this.#db.prepare("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)");
      samples.forEach((s, i) => sample.run(runId, step, i, s.prompt, s.response, s.score));
      this.#db.prepare("UPDATE runs SET step = ?, message = '' WHERE run_id = ?").run(step, runId);
    });
  }

  /** Adds metrics to a step on record, or replaces them. */
  addMetrics(runId: string, step: number, metrics: Metrics): void {
    this.#write(() => this.#putMetrics(runId, step, metrics));
  }

  /** Steps on record from `from` on, in order. */
  steps(runId: string, from: number): StepRow[] {
    const rows = this.#db.prepare(
      `SELECT s.step AS step, s.unix_ms AS unixMs, m.name AS name, m.value AS value FROM steps s
       LEFT JOIN metrics m ON m.run_id = s.run_id AND m.step = s.step
       WHERE s.run_id = ? AND s.step >= ? ORDER BY s.step, m.name`,
    ).all(runId, from);
    const found: { step: number; unixMs: number; metrics: Record<string, number> }[] = [];
    for (const { step, unixMs, name, value } of rows) {
      if (found.at(-1)?.step !== step) {
        found.push({ step: Number(step), unixMs: Number(unixMs), metrics: {} });
      }
      // SQLite has no NaN: it stores NULL.
      if (name !== null) found.at(-1)!.metrics[String(name)] = value === null ? NaN : Number(value);
    }
    return found;
  }

  /** Metrics of one step; empty where it is not on record. */
  metrics(runId: string, step: number): Metrics {
    const rows = this.#db.prepare("SELECT name, value FROM metrics WHERE run_id = ? AND step = ?");
    return Object.fromEntries(
      rows.all(runId, step).map(({ name, value }) => [
        String(name),
        value === null ? NaN : Number(value),
      ]),
    );
  }

  samples(runId: string, step: number): SampleRow[] {
    return this.#db.prepare(
      "SELECT prompt, response, score FROM samples WHERE run_id = ? AND step = ? ORDER BY place",
    ).all(runId, step).map((row) => ({ ...row }) as unknown as SampleRow);
  }

  addEvent(runId: string, step: number, message: string, unixMs: number): void {
    this.#write(() =>
      this.#db.prepare("INSERT INTO events (run_id, step, unix_ms, message) VALUES (?, ?, ?, ?)")
        .run(runId, step, unixMs, message)
    );
  }

  /** Events of a run after event `id`, in order. */
  events(runId: string, id = 0): EventRow[] {
    return this.#db.prepare(
      `SELECT id, step, unix_ms AS unixMs, message FROM events WHERE run_id = ? AND id > ? ORDER BY id`,
    ).all(runId, id).map((row) => ({ ...row }) as unknown as EventRow);
  }

  /** Forgets what was recorded after step `step`: a run that resumes there records it anew. */
  rewind(runId: string, step: number): void {
    this.#write(() => {
      for (const table of ["steps", "metrics", "samples"]) {
        this.#db.prepare(`DELETE FROM ${table} WHERE run_id = ? AND step > ?`).run(runId, step);
      }
      this.#db.prepare(
        "UPDATE runs SET step = ?, checkpoint_step = ?, state = 'STARTING', message = '', ended_ms = 0 WHERE run_id = ?",
      ).run(step, step, runId);
    });
  }

  /** Resolves at the next change that this process makes, after `ms`, or when `signal` is aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#listeners.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #putMetrics(runId: string, step: number, metrics: Metrics): void {
    const put = this.#db.prepare("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)");
    for (const [name, value] of Object.entries(metrics)) {
      put.run(runId, step, name, Number.isFinite(value) ? value : null);
    }
  }

  #write(change: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      change();
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      const file = join(this.folder, "decorum.db");
      throw new Error(`Cannot write ${file}: ${(error as Error).message}`, { cause: error });
    }
    for (const listener of [...this.#listeners]) listener();
  }
}
