import { existsSync } from "node:fs";
import { join } from "node:path";
import { isLocked } from "@decorum/async";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Curve, type Curves, type CurvesQuery, firstOf, widthOf } from "./curves.ts";
import { recordedEvaluation } from "./evaluation.ts";
import type { EvaluationRow, EventRow, Metrics, RunRow, SampleRow, StepRow } from "./records.ts";
import { readAsUpToDate, VERSION, versionOf } from "./schema.ts";
import { StoreError, storeError } from "./store_error.ts";

/** Milliseconds that a reader waits for a lock. */
const BUSY_MS = 1000;

const runColumns =
  `run_id AS runId, state, step, total_steps AS totalSteps, started_ms AS startedMs,
  ended_ms AS endedMs, weights_version AS weightsVersion, config_json AS configJson,
  config_hash AS configHash, message, checkpoint_step AS checkpointStep`;

type Row = Record<string, unknown>;

/** Name of the database in a folder of runs. */
export const STORE_FILE = "decorum.db";
/** Name of the lock in a run's own folder, which its trainer holds. */
export const LOCK_FILE = "lock.db";

/** What is on record of the runs of one folder. Every method throws {@link StoreError} for a store that cannot be read. */
export class RunReader implements Disposable {
  readonly #statements = new Map<string, StatementSync>();

  protected constructor(
    readonly folder: string,
    protected readonly db: DatabaseSync,
    /** Written by an older version: samples have no parts of the reward, evaluations are missing. */
    readonly older: boolean,
  ) {}

  /**
   * Opens the store of a folder to read it; another process may write it meanwhile.
   *
   * @throws StoreError for none, one that is damaged, and one that a newer version wrote
   */
  static open(folder: string): RunReader {
    const file = join(folder, STORE_FILE);
    if (!existsSync(file)) {
      throw new StoreError(
        "missing",
        `Cannot read runs in ${folder}: it has no ${STORE_FILE}; is it the trainer's folder of runs?`,
      );
    }
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(file, { readOnly: true });
      db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
      const version = versionOf(db) ?? 0;
      checkVersion(file, version);
      const older = version < VERSION;
      if (older) readAsUpToDate(db);
      return new RunReader(folder, db, older);
    } catch (error) {
      db?.close();
      throw storeError(file, error);
    }
  }

  /** A number that changes whenever another connection has written. */
  dataVersion(): number {
    return Number(this.one("PRAGMA data_version")?.["data_version"]);
  }

  run(runId: string): RunRow | undefined {
    return this.one(`SELECT ${runColumns} FROM runs WHERE run_id = ?`, runId) as RunRow | undefined;
  }

  /** Newest first. */
  runs(limit: number, startedBeforeMs: number): RunRow[] {
    const before = startedBeforeMs > 0 ? startedBeforeMs : Number.MAX_SAFE_INTEGER;
    return this.all(
      `SELECT ${runColumns} FROM runs WHERE started_ms < ? ORDER BY started_ms DESC, run_id LIMIT ?`,
      ...[before, limit],
    ) as unknown as RunRow[];
  }

  /** Whether a trainer holds a run: an active one that nobody holds was interrupted. */
  isHeld(runId: string): boolean {
    return isLocked(join(this.folder, runId, LOCK_FILE));
  }

  /** Steps on record from `from` on, in order. */
  steps(runId: string, from: number): StepRow[] {
    const rows = this.all(
      `SELECT s.step AS step, s.unix_ms AS unixMs, m.name AS name, m.value AS value FROM steps s
       LEFT JOIN metrics m ON m.run_id = s.run_id AND m.step = s.step
       WHERE s.run_id = ? AND s.step >= ? ORDER BY s.step, m.name`,
      ...[runId, from],
    );
    const found: { step: number; unixMs: number; metrics: Record<string, number> }[] = [];
    for (const { step, unixMs, name, value } of rows) {
      if (found.at(-1)?.step !== step) {
        found.push({ step: Number(step), unixMs: Number(unixMs), metrics: {} });
      }
      if (name !== null) found.at(-1)!.metrics[String(name)] = numberOf(value);
    }
    return found;
  }

  /** Metrics of one step; empty where it is not on record. */
  metrics(runId: string, step: number): Metrics {
    const rows = this.all(
      "SELECT name, value FROM metrics WHERE run_id = ? AND step = ? ORDER BY name",
      ...[runId, step],
    );
    return Object.fromEntries(rows.map(({ name, value }) => [String(name), numberOf(value)]));
  }

  /** One metric of one step; undefined where it has none. */
  metric(runId: string, name: string, step: number): number | undefined {
    const row = this.one(
      "SELECT value FROM metrics WHERE run_id = ? AND name = ? AND step = ?",
      ...[runId, name, step],
    );
    return row && numberOf(row["value"]);
  }

  /** Every metric that a run has, in the order of names. */
  metricNames(runId: string): string[] {
    return this.all("SELECT name FROM series WHERE run_id = ? ORDER BY name", runId)
      .map(({ name }) => String(name));
  }

  /** Metrics over the steps of a run, with so many steps in a point that there are about `points`. */
  curves(runId: string, { names, points, from = 1, width: known }: CurvesQuery): Curves {
    const last = Number(
      this.one("SELECT max(step) AS last FROM steps WHERE run_id = ?", runId)?.["last"] ?? 0,
    );
    const width = widthOf(last, points);
    const first = width === known ? firstOf(from, width) : 1;
    const places = new Map<number, number>();
    const steps: number[] = [];
    const unixMs: number[] = [];
    for (
      const row of this.all(
        `SELECT CAST((step - 1) / ? AS INTEGER) AS point, max(step) AS step, max(unix_ms) AS unixMs FROM steps
         WHERE run_id = ? AND step >= ? GROUP BY 1 ORDER BY 1`,
        ...[width, runId, first],
      )
    ) {
      places.set(Number(row["point"]), steps.length);
      steps.push(Number(row["step"]));
      unixMs.push(Number(row["unixMs"]));
    }
    const curves = names.map((name): Curve => {
      const curve = { name, mean: blank(steps), min: blank(steps), max: blank(steps) };
      for (
        const { point, mean, min, max } of this.all(
          `SELECT CAST((step - 1) / ? AS INTEGER) AS point, avg(value) AS mean, min(value) AS min, max(value) AS max
           FROM metrics WHERE run_id = ? AND name = ? AND step >= ? GROUP BY 1`,
          ...[width, runId, name, first],
        )
      ) {
        const at = places.get(Number(point));
        if (at === undefined) continue;
        curve.mean[at] = mean as number | null;
        curve.min[at] = min as number | null;
        curve.max[at] = max as number | null;
      }
      return curve;
    });
    return { width, from: first, steps, unixMs, curves };
  }

  samples(runId: string, step: number): SampleRow[] {
    return this.all(
      `SELECT prompt, response, score, tokens, scores FROM samples
       WHERE run_id = ? AND step = ? ORDER BY place`,
      ...[runId, step],
    ).map(({ tokens, scores, ...rest }) => ({
      ...rest as unknown as Pick<SampleRow, "prompt" | "response" | "score">,
      ...(tokens === null ? {} : { tokens: Number(tokens) }),
      ...(scores === null ? {} : { scores: JSON.parse(String(scores)) }),
    }));
  }

  /** The newest `limit` events of a run after event `id`, in order. */
  events(runId: string, id = 0, limit = Number.MAX_SAFE_INTEGER): EventRow[] {
    return this.all(
      `SELECT id, step, unix_ms AS unixMs, kind, message FROM events
       WHERE run_id = ? AND id > ? ORDER BY id DESC LIMIT ?`,
      ...[runId, id, limit],
    ).reverse() as unknown as EventRow[];
  }

  /** Evaluations of a run in the order of their steps. */
  evaluations(runId: string): EvaluationRow[] {
    return this.all(
      "SELECT step, unix_ms AS unixMs, result FROM evaluations WHERE run_id = ? ORDER BY step",
      runId,
    ).map(({ step, unixMs, result }) => ({
      step: Number(step),
      unixMs: Number(unixMs),
      result: recordedEvaluation(String(result)),
    }));
  }

  close(): void {
    if (this.db.isOpen) this.db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected all(sql: string, ...values: SQLInputValue[]): Row[] {
    try {
      return this.prepare(sql).all(...values).map((row) => ({ ...row }));
    } catch (error) {
      throw storeError(join(this.folder, STORE_FILE), error);
    }
  }

  protected one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.all(sql, ...values)[0];
  }

  protected prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** @throws StoreError for a version that this one does not know */
export function checkVersion(file: string, version: number): void {
  if (version <= VERSION) return;
  throw new StoreError(
    "newer",
    `Cannot read ${file}: a newer version of Decorum wrote it (its tables have version ${version}, ` +
      `this one knows ${VERSION}); update this one`,
  );
}

/** SQLite has no NaN: it stores NULL. */
function numberOf(value: unknown): number {
  return value === null ? NaN : Number(value);
}

function blank(steps: readonly number[]): (number | null)[] {
  return new Array<number | null>(steps.length).fill(null);
}
