import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Curves, firstOf, widthOf } from "./curves.ts";
import { recordedEvaluation } from "./evaluation.ts";
import { RunReader } from "./reader.ts";
import { RunStore } from "./store.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { StoreError, type StoreFault } from "./store_error.ts";

const run = { runId: "r", totalSteps: 9, startedMs: 5, configJson: "{}", configHash: "h" };

/** The tables as they were before versions, with a run of two steps. */
const old = `
  CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, state TEXT NOT NULL, step INTEGER NOT NULL DEFAULT 0, total_steps INTEGER NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, weights_version INTEGER NOT NULL DEFAULT 0,
    config_json TEXT NOT NULL, config_hash TEXT NOT NULL, message TEXT NOT NULL DEFAULT '',
    checkpoint_step INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE steps (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    PRIMARY KEY (run_id, step)) STRICT, WITHOUT ROWID;
  CREATE TABLE metrics (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL, value REAL,
    PRIMARY KEY (run_id, step, name)) STRICT, WITHOUT ROWID;
  CREATE TABLE samples (
    run_id TEXT NOT NULL, step INTEGER NOT NULL, place INTEGER NOT NULL, prompt TEXT NOT NULL,
    response TEXT NOT NULL, score REAL NOT NULL, PRIMARY KEY (run_id, step, place)) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, step INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    message TEXT NOT NULL) STRICT;
  CREATE INDEX events_of_run ON events (run_id, id);
  INSERT INTO runs (run_id, state, step, total_steps, started_ms, config_json, config_hash)
    VALUES ('r', 'STOPPED', 2, 9, 5, '{}', 'h');
  INSERT INTO steps VALUES ('r', 1, 10), ('r', 2, 20);
  INSERT INTO metrics VALUES ('r', 1, 'kl', 0.5), ('r', 2, 'kl', NULL), ('r', 2, 'loss', -1);
  INSERT INTO samples VALUES ('r', 2, 0, 'p', 'q', 1.5);
  INSERT INTO events (run_id, step, unix_ms, message) VALUES ('r', 1, 10, 'said');`;

function writeOld(folder: string): string {
  const file = join(folder, "decorum.db");
  const db = new DatabaseSync(file);
  db.exec(old);
  db.close();
  return file;
}

/** All that a store says of run "r". */
function allOf(store: RunReader) {
  return {
    run: store.run("r"),
    steps: store.steps("r", 1),
    names: store.metricNames("r"),
    curves: store.curves("r", { names: ["kl", "loss"], points: 10 }),
    samples: store.samples("r", 2),
    events: store.events("r"),
    evaluations: store.evaluations("r"),
  };
}

Deno.test("a store of an older version is read as it is, and brought up to date by the trainer", () => {
  using folder = new TemporaryFolder();
  const file = writeOld(folder.path);
  const before = readFileSync(file);
  const read = () => {
    using reader = RunReader.open(folder.path);
    return { older: reader.older, found: allOf(reader) };
  };
  const { older, found } = read();
  assert.ok(older);
  assert.deepEqual(readFileSync(file), before, "nothing is written");
  assert.deepEqual(found.steps, [
    { step: 1, unixMs: 10, metrics: { kl: 0.5 } },
    { step: 2, unixMs: 20, metrics: { kl: NaN, loss: -1 } },
  ]);
  assert.deepEqual(found.samples, [{ prompt: "p", response: "q", score: 1.5 }]);
  assert.deepEqual(found.events.map(({ kind, message }) => [kind, message]), [["note", "said"]]);
  {
    using store = new RunStore(folder.path);
    assert.deepEqual(allOf(store), found);
    store.recordStep("r", { step: 3, unixMs: 30, metrics: { kl: 1 } }, []);
  }
  assert.equal(read().older, false);
  assert.equal(read().found.steps.length, 3);
});

Deno.test("an evaluation from before there were terms of a reward is read without them", () => {
  const old = { kl: 1, samples: [{ prompt: "p", before: "b", after: "a", toxicity_before: 1 }] };
  const found = recordedEvaluation(JSON.stringify(old));
  assert.deepEqual([found.kl, found.rewards, found.reward], [1, [], null]);
  assert.deepEqual(found.samples, [{ ...old.samples[0], rewards_before: {}, rewards_after: {} }]);
  assert.deepEqual(recordedEvaluation(JSON.stringify(found)), found);
});

Deno.test("what is wrong with a store is told: missing, locked, damaged, newer", () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, "decorum.db");
  const isFault = (fault: StoreFault) => (error: unknown) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.fault, fault, error.message);
    return true;
  };
  const open = () => RunReader.open(folder.path).close();
  assert.throws(open, isFault("missing"));

  writeFileSync(file, "This is no database, whatever its name says. ".repeat(100));
  const damaged = readFileSync(file);
  assert.throws(open, isFault("damaged"));
  assert.throws(() => new RunStore(folder.path), isFault("damaged"));
  assert.deepEqual(readFileSync(file), damaged);
  rmSync(file);

  writeOld(folder.path);
  const other = new DatabaseSync(file);
  other.exec("BEGIN EXCLUSIVE");
  assert.throws(open, isFault("locked"));
  other.exec("ROLLBACK; PRAGMA user_version = 99");
  other.close();
  assert.throws(open, isFault("newer"));
  assert.throws(() => new RunStore(folder.path), isFault("newer"));
});

Deno.test("a page torn out of the middle is told when it is read", () => {
  using folder = new TemporaryFolder();
  {
    using store = new RunStore(folder.path);
    store.createRun(run);
    const long = "x".repeat(2000);
    for (let step = 1; step <= 100; step++) {
      store.recordStep("r", { step, unixMs: step, metrics: { kl: step } }, [
        { prompt: long, response: long, score: 0 },
      ]);
    }
  }
  const file = join(folder.path, "decorum.db");
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 4096 * 3, bytes.length);
  writeFileSync(file, bytes);
  assert.throws(() => {
    using reader = RunReader.open(folder.path);
    for (let step = 1; step <= 100; step++) reader.samples("r", step);
  }, (error) => error instanceof StoreError && error.fault === "damaged");
});

Deno.test("points hold the mean, the lowest and the highest of their steps, as counted by hand", () => {
  using folder = new TemporaryFolder();
  using store = new RunStore(folder.path);
  store.createRun(run);
  const steps = 1000;
  const value = (step: number) => step % 7 === 0 ? NaN : Math.sin(step) * step;
  for (let step = 1; step <= steps; step++) {
    const sparse = step % 100 === 0 ? { eval: step } : {};
    store.recordStep("r", { step, unixMs: 10 * step, metrics: { kl: value(step), ...sparse } }, []);
  }
  const all = store.curves("r", { names: ["kl", "eval", "none"], points: 100 });
  assert.equal(all.width, 16);
  const expected = Array.from({ length: Math.ceil(steps / 16) }, (_, point) => {
    const within = Array.from({ length: 16 }, (_, i) => 16 * point + 1 + i)
      .filter((step) => step <= steps);
    const values = within.map(value).filter(Number.isFinite);
    return {
      step: within.at(-1)!,
      mean: values.reduce((sum, x) => sum + x, 0) / values.length,
      min: Math.min(...values),
      max: Math.max(...values),
    };
  });
  const [kl, sparse, none] = all.curves;
  assert.deepEqual(all.steps, expected.map(({ step }) => step));
  assert.deepEqual(all.unixMs, expected.map(({ step }) => 10 * step));
  assert.deepEqual(kl!.min, expected.map(({ min }) => min));
  assert.deepEqual(kl!.max, expected.map(({ max }) => max));
  kl!.mean.forEach((mean, i) => assert.ok(Math.abs(mean! - expected[i]!.mean) < 1e-9));
  assert.equal(sparse!.mean.filter((mean) => mean !== null).length, 10);
  assert.ok(none!.mean.every((mean) => mean === null));

  const tail = store.curves("r", { names: ["kl"], points: 100, from: 990, width: 16 });
  assert.equal(tail.from, 977);
  assert.deepEqual(joined(store.curves("r", { names: ["kl"], points: 100 }), tail), {
    ...all,
    curves: [kl],
  });
  const changed = store.curves("r", { names: ["kl"], points: 100, from: 990, width: 8 });
  assert.deepEqual([changed.width, changed.from, changed.steps.length], [16, 1, 63]);
});

/** `all` with its end replaced by `tail`, as a page does it. */
function joined(all: Curves, tail: Curves): Curves {
  const at = all.steps.findIndex((step) => step >= tail.from);
  const join = <T>(a: readonly T[], b: readonly T[]) => [...a.slice(0, at), ...b];
  return {
    ...all,
    steps: join(all.steps, tail.steps),
    unixMs: join(all.unixMs, tail.unixMs),
    curves: all.curves.map((curve, i) => ({
      name: curve.name,
      mean: join(curve.mean, tail.curves[i]!.mean),
      min: join(curve.min, tail.curves[i]!.min),
      max: join(curve.max, tail.curves[i]!.max),
    })),
  };
}

Deno.test("widths are powers of two, and first steps do not move with the run", () => {
  assert.deepEqual([0, 1, 500, 501, 1000, 10_000].map((n) => widthOf(n, 500)), [1, 1, 1, 2, 2, 32]);
  assert.deepEqual([0, 1, 8, 9, 16, 17].map((step) => firstOf(step, 8)), [1, 1, 1, 9, 9, 17]);
});

Deno.test("a reader sees that another connection has written", () => {
  using folder = new TemporaryFolder();
  using store = new RunStore(folder.path);
  store.createRun(run);
  using reader = RunReader.open(folder.path);
  const before = reader.dataVersion();
  assert.equal(reader.dataVersion(), before);
  store.setMessage("r", "m");
  assert.notEqual(reader.dataVersion(), before);
  assert.equal(reader.run("r")?.message, "m");
});
