import type { Params } from "@decorum/optim";
import { resourceExhausted } from "@decorum/rpc";
import type { Logger, Metrics as ProcessMetrics } from "@decorum/telemetry";
import { checkpointName, type WrittenCheckpoint } from "@decorum/learning";
import type { Progress, ResumePoint } from "./checkpoint.ts";
import { Batches } from "../step/batches.ts";
import { evaluationDue, evaluationMetrics, measure } from "./evaluation.ts";
import { publish } from "./publish.ts";
import { epochsOf, settingsOf } from "@decorum/settings";
import { RunFolder } from "./run_folder.ts";
import { RunControl } from "./run_control.ts";
import { RunMetrics } from "./run_metrics.ts";
import {
  firstProgress,
  keepStart,
  openTools,
  type RunInputs,
  type RunTools,
  type Surroundings,
} from "./run_setup.ts";
import {
  evaluationOf,
  type EventKind,
  type Metrics,
  type RunState,
  type RunStore,
} from "@decorum/runs";
import { Stages, traceStep } from "../stages.ts";
import { takeStep } from "../step/step.ts";
import type { Backoff } from "@decorum/async";
import { StoppedError, type Waiting } from "@decorum/fleet";

/** What a run is started with. */
export interface TrainingRunOptions {
  readonly runId: string;
  /** The run's own folder. */
  readonly folder: string;
  readonly inputs: RunInputs;
  readonly surroundings: Surroundings;
  readonly store: RunStore;
  readonly logger: Logger;
  readonly metrics: ProcessMetrics;
  /** Pauses when a service does not answer; default: `defaultBackoff`. */
  readonly backoff?: Backoff;
}

/** One run from its start, or its last checkpoint, to its end. */
export class TrainingRun {
  readonly control: RunControl;
  readonly #shown: RunMetrics;
  readonly #folder: RunFolder;
  #state: RunState = "STARTING";
  #message = "";
  #step = 0;
  /** The newest weights are at all policies, and measured where that is due. */
  #published = false;

  constructor(readonly options: TrainingRunOptions) {
    this.control = new RunControl(options.runId);
    const { folder, runId, store } = options;
    this.#folder = new RunFolder(folder, runId, store.run(runId)!.configHash);
    this.#shown = new RunMetrics(options.metrics, options.runId);
  }

  /** State and message as they are now, even where the database could not be written. */
  get state(): RunState {
    return this.#state;
  }

  get message(): string {
    return this.#message;
  }

  /**
   * Runs to the end. Never rejects: what ended the run is in its state.
   *
   * @param ended called when the end is on record and everything is released
   */
  async run(ended: () => void): Promise<void> {
    const { logger, runId } = this.options;
    try {
      this.#end(await this.#train(), "");
    } catch (error) {
      if (error instanceof StoppedError && this.control.ending) {
        this.#end(this.control.ending === "interrupt" ? "INTERRUPTED" : "STOPPED", "");
      } else {
        logger.error("run failed", { run_id: runId, step: this.#step, error });
        this.#end("FAILED", error instanceof Error ? error.message : String(error));
      }
    }
    this.control.close();
    ended();
  }

  /** @returns the state in which the run ended */
  async #train(): Promise<RunState> {
    const { inputs, surroundings, metrics, folder, runId, store } = this.options;
    const { config, prompts } = inputs;
    keepStart(folder, inputs);
    if (prompts.dropped > 0) {
      this.#say(`${prompts.dropped} prompts are over data.max_prompt_tokens and left out`);
    }
    const waiting: Waiting = {
      stop: this.control.stopping,
      cancel: this.control.cancelled,
      say: (message) => this.#say(message, "service"),
      failed: (peer) => this.#shown.failed(peer),
      ...(this.options.backoff ? { backoff: this.options.backoff } : {}),
    };
    await using tools = await openTools(inputs, surroundings, waiting, {
      logger: this.options.logger,
      metrics,
    });
    let { progress, generator } = this.#restore(tools);
    const settings = settingsOf(config);
    const { steps } = settings;
    this.#shown.begin({ steps, klTarget: "target" in settings ? settings.target : undefined });
    using batches = new Batches(tools, metrics);
    if (generator) await this.#batchOf(tools, batches, progress.step, generator);
    const missed = await this.#publish(tools, progress.step, new Stages(metrics));
    if (progress.step > 0) store.addMetrics(runId, progress.step, missed);
    this.#enter("RUNNING");
    while (progress.step < steps && await this.#mayGoOn(progress, tools, batches)) {
      const next = await this.#orStopped(() =>
        traceStep(runId, progress.step + 1, () => this.#takeStep(tools, batches, progress))
      );
      if (next === undefined) break;
      progress = next;
    }
    const { ending } = this.control;
    if (ending !== undefined && (progress.step < steps || !this.#published)) {
      if (ending !== "stop without checkpoint") this.#checkpoint(tools, progress, batches);
      return ending === "interrupt" ? "INTERRUPTED" : "STOPPED";
    }
    if (store.run(runId)?.checkpointStep !== steps || steps === 0) {
      this.#checkpoint(tools, progress, batches);
    }
    this.#folder.writeAdapter(tools);
    return "SUCCEEDED";
  }

  /** One step: taken, pushed, evaluated where that is due, recorded and, where it is due, kept. */
  async #takeStep(tools: RunTools, batches: Batches, before: Progress): Promise<Progress> {
    const { store, runId, metrics } = this.options;
    const stages = new Stages(metrics);
    const began = performance.now();
    const taken = await takeStep(tools, batches, before, stages);
    const { progress, metrics: found, samples, notes } = taken;
    await batches.settled(stages);
    const { step } = progress;
    this.#step = step;
    for (const note of notes) this.#say(note);
    const evaluation = await this.#publish(tools, step, stages);
    const all = { ...found, ...evaluation, ...stages.times() };
    store.recordStep(runId, { step, unixMs: Date.now(), metrics: all }, samples);
    const seconds = (performance.now() - began) / 1000;
    this.#shown.step(step, all, epochsOf(tools.config), seconds);
    this.options.logger.info("step", {
      run_id: runId,
      step,
      of: settingsOf(tools.config).steps,
      reward: all["env/reward_mean"],
      kl: all["objective/kl"],
      tokens_per_second: all["time/tokens_per_second"],
      samples: this.options.logger.texts ? samples : undefined,
    });
    const every = tools.config.checkpoint.every_steps;
    if (every > 0 && step % every === 0) {
      await stages.run("checkpoint", () => this.#checkpoint(tools, progress, batches));
    }
    return progress;
  }

  /** Has the batch of the next step made by the weights of the step before, as if there had been no end. */
  async #batchOf(
    tools: RunTools,
    batches: Batches,
    step: number,
    generator: Params,
  ): Promise<void> {
    const { runId, inputs, metrics } = this.options;
    const weights = { version: step, parameters: generator };
    await publish(tools, runId, weights, inputs.start?.valueHead, new Stages(metrics));
    batches.begin(step, generator);
    await batches.settled(new Stages(metrics));
  }

  /** Publishes the weights of a step that was taken: a wait that is ended changes nothing of the step. */
  async #publish(tools: RunTools, step: number, stages: Stages): Promise<Metrics> {
    const { runId, store, inputs } = this.options;
    this.#published = false;
    try {
      const weights = { version: step + 1, parameters: tools.learner.state().train.params };
      const began = performance.now();
      await publish(tools, runId, weights, inputs.start?.valueHead, stages);
      const seconds = (performance.now() - began) / 1000;
      store.setVersion(runId, step + 1);
      this.#record("push", `version ${step + 1} in ${seconds.toFixed(2)} s`);
      this.#shown.pushed(step + 1);
      const due = evaluationDue(tools.config, step) && !("eval/kl" in store.metrics(runId, step));
      if (!due) {
        this.#published = true;
        return {};
      }
      const result = await measure(tools, runId, step, inputs.prompts.heldOut, stages);
      store.addEvaluation(runId, { step, unixMs: Date.now(), result: evaluationOf(result) });
      this.#published = true;
      return evaluationMetrics(result);
    } catch (error) {
      if (error instanceof StoppedError && this.control.ending) return {};
      throw error;
    }
  }

  /** Goes back to the last checkpoint, or to the beginning. */
  #restore(tools: RunTools): Pick<ResumePoint, "progress" | "generator"> {
    const { store, runId } = this.options;
    const found = this.#folder.last(tools, this.options.inputs.sources.model);
    if (!found) {
      store.rewind(runId, 0);
      return { progress: firstProgress(tools.learning) };
    }
    const { step } = found.progress;
    tools.learner.restore(found.learner);
    store.rewind(runId, step);
    this.#step = step;
    this.#say(`resumed from checkpoint ${found.name}`);
    return found;
  }

  /** Serves requests between two steps. @returns false when the run is to end */
  async #mayGoOn(progress: Progress, tools: RunTools, batches: Batches): Promise<boolean> {
    for (;;) {
      for (const wanted of this.control.takeCheckpoints()) {
        try {
          wanted.resolve(this.#checkpoint(tools, progress, batches));
        } catch (error) {
          wanted.reject(resourceExhausted((error as Error).message));
        }
      }
      if (this.control.ending) return false;
      if (!this.control.pauseWanted) {
        if (this.#state === "PAUSED") this.#enter("RUNNING");
        return true;
      }
      const changed = this.control.changed();
      if (this.#state !== "PAUSED") this.#enter("PAUSED");
      this.control.paused();
      await changed;
    }
  }

  async #orStopped<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoppedError && this.control.ending) return undefined;
      throw error;
    }
  }

  #checkpoint(tools: RunTools, progress: Progress, { generator }: Batches): WrittenCheckpoint {
    const written = this.#folder.keep(tools, progress, generator);
    this.options.store.setCheckpoint(this.options.runId, progress.step);
    this.#shown.checkpoint(progress.step);
    this.#record("checkpoint", `${checkpointName(progress.step)}, ${megabytes(written.bytes)} MB`);
    this.#folder.prune(tools.config.checkpoint.keep);
    return written;
  }

  #say(message: string, kind: EventKind = "note"): void {
    const { logger, store, runId } = this.options;
    logger.warn(message, { run_id: runId, step: this.#step });
    this.#message = message;
    this.#record(kind, message);
    store.setMessage(runId, message);
  }

  #record(kind: EventKind, message: string): void {
    const { store, runId } = this.options;
    store.addEvent(runId, { step: this.#step, unixMs: Date.now(), kind, message });
  }

  #enter(state: RunState): void {
    this.#state = state;
    this.#message = "";
    this.#shown.enter(state);
    this.options.store.setState(this.options.runId, state, "");
    this.#record("state", state);
  }

  #end(state: RunState, message: string): void {
    const { store, runId, logger } = this.options;
    this.#state = state;
    this.#message = message;
    this.#shown.end(state);
    logger.info("run ended", { run_id: runId, state, step: this.#step });
    try {
      store.setState(runId, state, message, Date.now());
      this.#record("state", message === "" ? state : `${state}: ${message}`);
    } catch (error) {
      logger.error("the end of the run could not be recorded", { run_id: runId, state, error });
    }
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
