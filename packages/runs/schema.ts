import type { DatabaseSync } from "node:sqlite";

/** Version of the tables; `PRAGMA user_version` has it. 0 is what was written before versions were. */
export const VERSION = 1;

const unchanged = `
  CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, state TEXT NOT NULL, step INTEGER NOT NULL DEFAULT 0, total_steps INTEGER NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, weights_version INTEGER NOT NULL DEFAULT 0,
    config_json TEXT NOT NULL, config_hash TEXT NOT NULL, message TEXT NOT NULL DEFAULT '',
    checkpoint_step INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE steps (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    PRIMARY KEY (run_id, step)) STRICT, WITHOUT ROWID;`;

/** A metric's values lie beside each other, so that a curve of 10,000 steps is one short read. */
const curves = `
  CREATE TABLE series (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (run_id, name)) STRICT;
  CREATE TABLE points (
    series INTEGER NOT NULL, step INTEGER NOT NULL, value REAL,
    PRIMARY KEY (series, step)) STRICT, WITHOUT ROWID;
  CREATE VIEW metrics AS
    SELECT run_id, step, name, value FROM series JOIN points ON series = id;`;

const evaluations = `
  CREATE TABLE evaluations (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL, result TEXT NOT NULL,
    PRIMARY KEY (run_id, step)) STRICT, WITHOUT ROWID;`;

const create = `${unchanged} ${curves} ${evaluations}
  CREATE TABLE samples (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, place INTEGER NOT NULL, prompt TEXT NOT NULL,
    response TEXT NOT NULL, score REAL NOT NULL, tokens INTEGER, scores TEXT,
    PRIMARY KEY (run_id, step, place)) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    message TEXT NOT NULL, kind TEXT NOT NULL DEFAULT 'note') STRICT;
  CREATE INDEX events_of_run ON events (run_id, id);`;

const migrate = `
  ALTER TABLE metrics RENAME TO metrics_before;
  ${curves} ${evaluations}
  INSERT INTO series (run_id, name) SELECT DISTINCT run_id, name FROM metrics_before;
  INSERT INTO points SELECT id, step, value FROM metrics_before JOIN series USING (run_id, name);
  DROP TABLE metrics_before;
  ALTER TABLE samples ADD COLUMN tokens INTEGER;
  ALTER TABLE samples ADD COLUMN scores TEXT;
  ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT 'note';`;

/** What version 0 lacks, as views of one connection: they stand before the tables of the same names. */
const viewsOfOld = `
  CREATE TEMP VIEW series AS SELECT DISTINCT run_id, name FROM main.metrics;
  CREATE TEMP VIEW samples AS SELECT *, NULL AS tokens, NULL AS scores FROM main.samples;
  CREATE TEMP VIEW events AS SELECT *, 'note' AS kind FROM main.events;
  CREATE TEMP VIEW evaluations AS SELECT '' AS run_id, 0 AS step, 0 AS unix_ms, '' AS result WHERE 0;`;

/** Version of a database's tables; undefined: it has none. */
export function versionOf(db: DatabaseSync): number | undefined {
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'runs'").get();
  if (Number(tables?.["n"]) === 0) return undefined;
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
}

/** Makes the tables, or brings older ones up to date: all of it or nothing, with the database's write lock held. */
export function bringUpToDate(db: DatabaseSync): void {
  const version = versionOf(db);
  if (version === VERSION) return;
  db.exec(version === undefined ? create : migrate);
  db.exec(`PRAGMA user_version = ${VERSION}`);
}

/** Lets a connection that may not write read older tables as if they were up to date. */
export function readAsUpToDate(db: DatabaseSync): void {
  db.exec(viewsOfOld);
}
