import type { Algorithm } from "@decorum/algorithms";
import { checkpointName, type WrittenCheckpoint } from "@decorum/learning";
import type { evaluatorV1 } from "@decorum/rpc";
import {
  evaluationOf,
  type EventKind,
  type Metrics,
  type RunState,
  type RunStore,
  type SampleRow,
} from "@decorum/runs";
import type { ServiceName } from "@decorum/settings";
import type { Logger, Metrics as ProcessMetrics } from "@decorum/telemetry";

const states: readonly RunState[] = [
  ...["STARTING", "RUNNING", "PAUSED"] as const,
  ...["SUCCEEDED", "FAILED", "STOPPED", "INTERRUPTED"] as const,
];

/** Where a run is recorded. */
export interface Records {
  readonly store: RunStore;
  readonly logger: Logger;
  readonly metrics: ProcessMetrics;
}

/** A step that was taken. */
export interface StepRecord {
  readonly metrics: Metrics;
  readonly samples: readonly SampleRow[];
  /** Steps that the run is to take. */
  readonly of: number;
  /** Epochs of mini-batches that the step was to take. */
  readonly epochs: number;
  /** All that the step took. */
  readonly seconds: number;
}

/** What others see of one run: its state, events and metrics, in the store, the log and `/metrics`. */
export class RunRecord {
  readonly #labels: { readonly run_id: string };
  #state: RunState = "STARTING";
  #message = "";
  #step = 0;

  constructor(readonly runId: string, readonly records: Records) {
    this.#labels = { run_id: runId };
  }

  /** State and message as they are now, even where the store could not be written. */
  get state(): RunState {
    return this.#state;
  }

  get message(): string {
    return this.#message;
  }

  begin({ settings: { steps }, klTarget }: Pick<Algorithm, "settings" | "klTarget">): void {
    const { metrics } = this.records;
    metrics.set("decorum_trainer_planned_steps", steps, this.#labels);
    if (klTarget !== undefined) {
      metrics.set("decorum_trainer_kl_target_nats", klTarget, this.#labels);
    }
  }

  /** The run is back at a step; what was recorded after it goes. */
  rewind(step: number): void {
    this.records.store.rewind(this.runId, step);
    this.#step = step;
  }

  /** A step was taken: what is recorded from now on is of this step. */
  reached(step: number): void {
    this.#step = step;
  }

  /** Something that people should know. */
  say(message: string, kind: EventKind = "note"): void {
    const { logger, store } = this.records;
    logger.warn(message, { run_id: this.runId, step: this.#step });
    this.#message = message;
    this.#event(kind, message);
    store.setMessage(this.runId, message);
  }

  enter(state: RunState): void {
    this.#state = state;
    this.#message = "";
    this.#showState();
    this.records.store.setState(this.runId, state, "");
    this.#event("state", state);
  }

  /** The run is over. Never throws. @param error what it failed with */
  end(state: RunState, error?: unknown): void {
    const { store, logger, metrics } = this.records;
    const known = { run_id: this.runId, step: this.#step };
    if (error !== undefined) logger.error("run failed", { ...known, error });
    this.#state = state;
    this.#message = error === undefined ? "" : error instanceof Error ? error.message : `${error}`;
    this.#showState();
    // Its series go away in a while.
    metrics.endRun(this.runId);
    logger.info("run ended", { ...known, state });
    try {
      store.setState(this.runId, state, this.#message, Date.now());
      this.#event("state", this.#message === "" ? state : `${state}: ${this.#message}`);
    } catch (error) {
      logger.error("the end of the run could not be recorded", { ...known, state, error });
    }
  }

  /** A call to a service failed and is made again. */
  callFailed(peer: ServiceName): void {
    if (peer === "trainer") return;
    this.records.metrics.add("decorum_trainer_peer_failures_total", 1, { peer });
  }

  pushed(version: number, seconds: number): void {
    const { store, metrics } = this.records;
    store.setVersion(this.runId, version);
    this.#event("push", `version ${version} in ${seconds.toFixed(2)} s`);
    metrics.set("decorum_trainer_weights_version", version, this.#labels);
  }

  evaluated(step: number, result: evaluatorV1.EvaluationResult__Output): void {
    const row = { step, unixMs: Date.now(), result: evaluationOf(result) };
    this.records.store.addEvaluation(this.runId, row);
  }

  checkpoint({ step, bytes }: WrittenCheckpoint): void {
    const { store, metrics } = this.records;
    store.setCheckpoint(this.runId, step);
    metrics.set("decorum_trainer_checkpoint_step", step, this.#labels);
    this.#event("checkpoint", `${checkpointName(step)}, ${(bytes / 1e6).toFixed(1)} MB`);
  }

  /** A step that was taken, pushed, and evaluated where that was due. */
  step(step: number, { metrics: found, samples, of, epochs, seconds }: StepRecord): void {
    const { store, logger, metrics } = this.records;
    store.recordStep(this.runId, { step, unixMs: Date.now(), metrics: found }, samples);
    logger.info("step", {
      run_id: this.runId,
      step,
      of,
      reward: found["env/reward_mean"],
      kl: found["objective/kl"],
      tokens_per_second: found["time/tokens_per_second"],
      samples: logger.texts ? samples : undefined,
    });
    metrics.set("decorum_trainer_step", step, this.#labels);
    metrics.set("decorum_trainer_last_step_timestamp_seconds", Date.now() / 1000, this.#labels);
    metrics.observe("decorum_trainer_step_seconds", seconds, {});
    metrics.add("decorum_trainer_response_tokens_total", found["rollout/tokens"] ?? 0, {});
    if ("eval/kl" in found) {
      metrics.set("decorum_trainer_evaluation_step", step, this.#labels);
    }
    for (const side of ["before", "after"] as const) {
      const toxicity = found[`eval/toxicity_${side}`];
      if (toxicity === undefined) continue;
      metrics.set("decorum_evaluation_toxicity", toxicity, { by: "reward", side });
    }
    for (const [name, value] of Object.entries(found)) {
      metrics.set("decorum_trainer_statistic", value, { ...this.#labels, name });
    }
    const skipped = found["ppo/skipped_updates"] ?? 0;
    metrics.add("decorum_trainer_skipped_updates_total", skipped, { reason: "non_finite" });
    const early = Math.max(0, epochs - (found["ppo/epochs"] ?? epochs));
    metrics.add("decorum_trainer_skipped_updates_total", early, { reason: "early_stop" });
  }

  #showState(): void {
    for (const state of states) {
      const labels = { ...this.#labels, state };
      const value = state === this.#state ? 1 : 0;
      this.records.metrics.set("decorum_trainer_run_state", value, labels);
    }
  }

  #event(kind: EventKind, message: string): void {
    const row = { step: this.#step, unixMs: Date.now(), kind, message };
    this.records.store.addEvent(this.runId, row);
  }
}
