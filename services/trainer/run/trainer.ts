import { InputError } from "@decorum/tensor";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { tryLockFile } from "@decorum/async";
import { alreadyExists, failedPrecondition, notFound } from "@decorum/rpc";
import { callSecurity } from "@decorum/service";
import type { Logger, Metrics as ProcessMetrics } from "@decorum/telemetry";
import type { WrittenCheckpoint } from "@decorum/learning";
import {
  configDifferences,
  configHash,
  decisive,
  recordedRunConfig,
  RUN_ID,
  RUN_ID_RULE,
  type RunConfig,
  runConfigOf,
  type TrainerConfig,
} from "@decorum/settings";
import { readInputs, type RunInputs } from "./run_inputs.ts";
import { isActive, LOCK_FILE, type RunRow, RunStore } from "@decorum/runs";
import { TrainingRun, type TrainingRunOptions } from "./training_run.ts";

export interface TrainerOptions {
  readonly config: TrainerConfig;
  readonly logger: Logger;
  readonly metrics: ProcessMetrics;
  /** See `TrainingRunOptions`. */
  readonly backoff?: TrainingRunOptions["backoff"];
}

/** A run to start or to resume. */
export interface StartRequest {
  /** Empty: one is made. */
  readonly runId: string;
  /** JSON; empty: the service's own configuration, or with `resume` the one on record. */
  readonly configJson: string;
  readonly resume: boolean;
}

interface ActiveRun {
  readonly run: TrainingRun;
  readonly ended: Promise<void>;
}

/** Runs of one folder: at most one active here, others perhaps in other processes. */
export class Trainer {
  readonly store: RunStore;
  #active: ActiveRun | undefined;
  #latest: ActiveRun | undefined;
  #starting = false;

  constructor(readonly options: TrainerOptions) {
    // Certificates and tokens that cannot be read fail now, not when a run starts.
    callSecurity(options.config, "trainer");
    this.store = new RunStore(options.config.runs);
  }

  /**
   * Starts a run, or resumes one from its last checkpoint. Returns when its configuration and data are
   * checked; it then waits for the services by itself.
   *
   * @throws ConfigError, InputError or Error for a bad configuration or data; StatusError
   * ALREADY_EXISTS, NOT_FOUND or FAILED_PRECONDITION
   */
  async start({ runId, configJson, resume }: StartRequest): Promise<RunRow> {
    if (this.#starting || this.#active) {
      const other = this.#active
        ? `run "${this.#active.run.options.runId}" is active`
        : "another starts";
      throw failedPrecondition(`Cannot start a run: ${other}, and a trainer has one at a time`);
    }
    this.#starting = true;
    try {
      if (runId === "" && resume) {
        throw new InputError("Cannot resume: the request names no run_id");
      }
      if (runId !== "" && !RUN_ID.test(runId)) {
        throw new InputError(`Cannot use run_id ${JSON.stringify(runId)}: ${RUN_ID_RULE}`);
      }
      const id = runId === "" ? newRunId(new Date()) : runId;
      return await (resume ? this.#resume(id, configJson) : this.#begin(id, configJson));
    } finally {
      this.#starting = false;
    }
  }

  /** A run as it is now. @throws StatusError NOT_FOUND */
  run(runId: string): RunRow {
    return this.#live(this.#find(runId));
  }

  /** Newest first. */
  runs(limit: number, startedBeforeMs: number): RunRow[] {
    return this.store.runs(limit || 100, startedBeforeMs).map((row) => this.#live(row));
  }

  /** Pauses after the step that is being taken; resolves when it has paused. */
  async pause(runId: string): Promise<RunRow> {
    const { run } = this.#activeRun(runId);
    if (run.record.state !== "RUNNING" && run.record.state !== "STARTING") {
      throw failedPrecondition(
        `Cannot pause run "${run.options.runId}": it is ${run.record.state}`,
      );
    }
    await run.control.pause();
    return this.run(run.options.runId);
  }

  /** Continues a paused run. */
  resume(runId: string): RunRow {
    const { run } = this.#activeRun(runId);
    if (!run.control.resume()) {
      throw failedPrecondition(
        `Cannot resume run "${run.options.runId}": it is ${run.record.state}, not PAUSED`,
      );
    }
    return { ...this.run(run.options.runId), state: "RUNNING" };
  }

  /** Writes a checkpoint after the step that is being taken. */
  checkpoint(runId: string): Promise<WrittenCheckpoint> {
    return this.#activeRun(runId).run.control.checkpoint();
  }

  /** Ends a run after the step that is being taken; resolves when it has ended. */
  async stop(runId: string, skipCheckpoint: boolean): Promise<RunRow> {
    const { run, ended } = this.#activeRun(runId);
    run.control.end(skipCheckpoint ? "stop without checkpoint" : "stop");
    await ended;
    return this.run(run.options.runId);
  }

  /** Folder of a run, which may not exist yet. */
  folderOf(runId: string): string {
    return join(this.store.folder, runId);
  }

  /** Who holds this file's lock may write the run. It is free when its holder's process ends, however that ends. */
  lockOf(runId: string): string {
    return join(this.folderOf(runId), LOCK_FILE);
  }

  /** The active run's id, for requests that name none. @throws StatusError FAILED_PRECONDITION */
  idOf(runId: string): string {
    return runId === "" ? this.#activeRun("").run.options.runId : this.#find(runId).runId;
  }

  /** The process is to end: the active run ends after the update that is being made, with a checkpoint. */
  interrupt(): void {
    this.#active?.run.control.end("interrupt");
  }

  /** The run that was started last, as it ended. */
  async ended(): Promise<Pick<RunRow, "state" | "message">> {
    if (!this.#latest) throw new Error("internal: no run was started");
    const { run, ended } = this.#latest;
    await ended;
    return { state: run.record.state, message: run.record.message };
  }

  /** Interrupts the active run, waits for its end, and closes the database. */
  async close(): Promise<void> {
    this.interrupt();
    await this.#active?.ended;
    this.store.close();
  }

  async #begin(runId: string, configJson: string): Promise<RunRow> {
    if (this.store.run(runId)) {
      throw alreadyExists(
        `Cannot start run "${runId}": there is one of that id in ${this.store.folder}; resume it, or choose another id`,
      );
    }
    const named = runConfigOf(this.options.config, configJson);
    checkOwnCode(named, this.options.config);
    return await this.#launch(runId, named, ({ config, algorithm }) =>
      this.store.createRun({
        runId,
        totalSteps: algorithm.settings.steps,
        startedMs: Date.now(),
        configJson: JSON.stringify(config),
        configHash: configHash(config),
      }));
  }

  async #resume(runId: string, configJson: string): Promise<RunRow> {
    const row = this.#find(runId);
    if (row.state === "SUCCEEDED") {
      throw failedPrecondition(
        `Cannot resume run "${runId}": it took all its ${row.totalSteps} steps`,
      );
    }
    const recorded = recordedRunConfig(row.configJson);
    const config = runConfigOf(recorded, configJson);
    checkOwnCode(config, this.options.config);
    const changed = configDifferences(decisive(recorded), decisive(config));
    if (changed.length > 0) {
      throw failedPrecondition(
        `Cannot resume run "${runId}" with another configuration: ${
          changed.join(", ")
        } differ from the recorded ones; start a new run for that`,
      );
    }
    return await this.#launch(runId, config, () => {});
  }

  async #launch(
    runId: string,
    named: RunConfig,
    record: (inputs: RunInputs) => void,
  ): Promise<RunRow> {
    const { config: surroundings, logger, metrics, backoff } = this.options;
    const folder = this.folderOf(runId);
    const inputs = await readInputs(named, surroundings, folder, logger);
    mkdirSync(folder, { recursive: true });
    const lock = tryLockFile(this.lockOf(runId));
    if (!lock) {
      throw failedPrecondition(
        `Cannot take run "${runId}": another trainer holds it (its lock is in ${folder}); stop that trainer first`,
      );
    }
    try {
      record(inputs);
      this.store.setState(runId, "STARTING", "");
      const run = new TrainingRun({
        ...{ runId, folder, inputs, surroundings, store: this.store, logger, metrics },
        ...(backoff ? { backoff } : {}),
      });
      const ended = run.run(() => {
        lock[Symbol.dispose]();
        this.#active = undefined;
      });
      this.#active = this.#latest = { run, ended };
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    return this.run(runId);
  }

  #activeRun(runId: string): ActiveRun {
    const active = this.#active;
    if (active && (runId === "" || active.run.options.runId === runId)) return active;
    if (runId === "") throw failedPrecondition("No run is active: name one, or start one");
    const { state } = this.run(runId);
    throw failedPrecondition(`Run "${runId}" is not active in this trainer: it is ${state}`);
  }

  #find(runId: string): RunRow {
    const row = this.store.run(runId);
    if (row) return row;
    throw notFound(
      `Cannot find run ${JSON.stringify(runId)}: ${this.store.folder} has none of that id`,
    );
  }

  /** What the active run knows better than the database; and whether anybody still holds an active one. */
  #live(row: RunRow): RunRow {
    const run = this.#active?.run;
    if (run && run.options.runId === row.runId) {
      return { ...row, state: run.record.state, message: run.record.message || row.message };
    }
    if (!isActive(row.state)) return row;
    return this.store.isHeld(row.runId) ? row : { ...row, state: "INTERRUPTED" };
  }
}

/** As "20261122-141500-9f3a". */
function newRunId(now: Date): string {
  const [day, time] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  return `${day}-${time}-${randomBytes(2).toString("hex")}`;
}

/**
 * Code that a run executes is what the trainer itself was configured with: a call may leave such a term out, but not bring
 * another module or other permissions.
 *
 * @throws InputError naming the term
 */
function checkOwnCode(config: RunConfig, own: TrainerConfig): void {
  const known = own.rewards ?? [];
  for (const term of config.rewards ?? []) {
    if (term.kind !== "code") continue;
    const same = known.some((other) =>
      other.kind === "code" &&
      configDifferences(withoutWeight(other), withoutWeight(term)).length === 0
    );
    if (same) continue;
    throw new InputError(
      `Cannot use reward "${term.name}" (${term.module}): a call may not bring code; write the term into ` +
        "trainer.rewards of the trainer's own configuration",
    );
  }
}

function withoutWeight<T extends { readonly weight: number }>({ weight: _, ...rest }: T) {
  return rest;
}
