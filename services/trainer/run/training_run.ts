import type { Backoff } from "@decorum/async";
import { StoppedError, type Waiting } from "@decorum/fleet";
import type { WrittenCheckpoint } from "@decorum/learning";
import type { Params } from "@decorum/optim";
import { resourceExhausted } from "@decorum/rpc";
import type { Metrics, RunState } from "@decorum/runs";
import { sharingCuts } from "@decorum/settings";
import { Batches } from "../step/batches.ts";
import { Stages, traceStep } from "../step/stages.ts";
import { type Progress, takeStep } from "../step/step.ts";
import type { ResumePoint } from "./checkpoint.ts";
import { evaluationDue, evaluationMetrics, measure } from "./evaluation.ts";
import { RunControl } from "./run_control.ts";
import { RunFolder } from "./run_folder.ts";
import { keepStart, type RunInputs } from "./run_inputs.ts";
import { type Records, RunRecord } from "./run_record.ts";
import {
  firstProgress,
  openTools,
  publish,
  type RunTools,
  type Surroundings,
} from "./run_tools.ts";

/** What a run is started with. */
export interface TrainingRunOptions extends Records {
  readonly runId: string;
  /** The run's own folder. */
  readonly folder: string;
  readonly inputs: RunInputs;
  readonly surroundings: Surroundings;
  /** Pauses when a service does not answer; default: `defaultBackoff`. */
  readonly backoff?: Backoff;
}

/** One run from its start, or its last checkpoint, to its end. */
export class TrainingRun {
  readonly control: RunControl;
  readonly record: RunRecord;
  readonly #folder: RunFolder;
  /** The newest weights are at all policies, and measured where that is due. */
  #published = false;

  constructor(readonly options: TrainingRunOptions) {
    const { folder, runId, store } = options;
    this.control = new RunControl(runId);
    this.record = new RunRecord(runId, options);
    this.#folder = new RunFolder(folder, runId, store.run(runId)!.configHash);
  }

  /**
   * Runs to the end. Never rejects: what ended the run is in its state.
   *
   * @param ended called when the end is recorded and everything is released
   */
  async run(ended: () => void): Promise<void> {
    const { control, record } = this;
    try {
      record.end(await this.#train());
    } catch (error) {
      if (error instanceof StoppedError && control.ending) {
        record.end(control.ending === "interrupt" ? "INTERRUPTED" : "STOPPED");
      } else record.end("FAILED", error);
    }
    control.close();
    ended();
  }

  /** @returns the state in which the run ended */
  async #train(): Promise<RunState> {
    const { inputs, surroundings, metrics, folder, runId, store } = this.options;
    const { record } = this;
    const { config, prompts, algorithm } = inputs;
    keepStart(folder, inputs);
    if (prompts.dropped > 0) {
      record.say(`${prompts.dropped} prompts are over data.max_prompt_tokens and left out`);
    }
    for (const cut of sharingCuts(config)) record.say(cut);
    const waiting: Waiting = {
      stop: this.control.stopping,
      cancel: this.control.cancelled,
      say: (message) => record.say(message, "service"),
      failed: (peer) => record.callFailed(peer),
      ...(this.options.backoff ? { backoff: this.options.backoff } : {}),
    };
    await using tools = await openTools(inputs, surroundings, waiting, {
      runId,
      logger: this.options.logger,
      metrics,
      folder,
    });
    let { progress, generator } = this.#restore(tools);
    const { steps } = algorithm.settings;
    record.begin(algorithm);
    using batches = new Batches(tools, metrics);
    if (generator) await this.#batchOf(tools, batches, progress.step, generator);
    const missed = await this.#publish(tools, progress.step, new Stages(metrics));
    if (progress.step > 0) store.addMetrics(runId, progress.step, missed);
    record.enter("RUNNING");
    while (progress.step < steps && await this.#mayContinue(progress, tools, batches)) {
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
    const { record } = this;
    const { config, learning: { algorithm } } = tools;
    const stages = new Stages(this.options.metrics);
    const began = performance.now();
    const { progress, metrics, samples, notes } = await takeStep(tools, batches, before, stages);
    await batches.settled(stages);
    const { step } = progress;
    record.reached(step);
    for (const note of notes) record.say(note);
    const evaluation = await this.#publish(tools, step, stages);
    record.step(step, {
      metrics: { ...metrics, ...evaluation, ...stages.times() },
      samples,
      of: algorithm.settings.steps,
      epochs: algorithm.epochs,
      seconds: (performance.now() - began) / 1000,
    });
    const every = config.checkpoint.every_steps;
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
    await publish(tools, runId, step, inputs.start?.valueHead, new Stages(metrics), generator);
    batches.begin(step, generator);
    await batches.settled(new Stages(metrics));
  }

  /** Publishes the weights of a step that was taken: a wait that is ended changes nothing of the step. */
  async #publish(tools: RunTools, step: number, stages: Stages): Promise<Metrics> {
    const { runId, store, inputs } = this.options;
    this.#published = false;
    try {
      const began = performance.now();
      await publish(tools, runId, step + 1, inputs.start?.valueHead, stages);
      this.record.pushed(step + 1, (performance.now() - began) / 1000);
      const due = evaluationDue(tools, step) && !("eval/kl" in store.metrics(runId, step));
      const result = due
        ? await measure(tools, runId, step, inputs.prompts.heldOut, stages)
        : undefined;
      if (result) this.record.evaluated(step, result);
      this.#published = true;
      return result ? evaluationMetrics(result) : {};
    } catch (error) {
      if (error instanceof StoppedError && this.control.ending) return {};
      throw error;
    }
  }

  /** Goes back to the last checkpoint, or to the beginning. */
  #restore(tools: RunTools): Pick<ResumePoint, "progress" | "generator"> {
    const found = this.#folder.last(tools, this.options.inputs.sources.model);
    if (!found) {
      this.record.rewind(0);
      return { progress: firstProgress(tools.learning.algorithm) };
    }
    tools.learner.restore(found.learner);
    this.record.rewind(found.progress.step);
    this.record.say(`resumed from checkpoint ${found.name}`);
    return found;
  }

  /** Serves requests between two steps. @returns false when the run is to end */
  async #mayContinue(progress: Progress, tools: RunTools, batches: Batches): Promise<boolean> {
    const { control, record } = this;
    for (;;) {
      for (const wanted of control.takeCheckpoints()) {
        try {
          wanted.resolve(this.#checkpoint(tools, progress, batches));
        } catch (error) {
          wanted.reject(resourceExhausted((error as Error).message));
        }
      }
      if (control.ending) return false;
      if (!control.pauseWanted) {
        if (record.state === "PAUSED") record.enter("RUNNING");
        return true;
      }
      const changed = control.changed();
      if (record.state !== "PAUSED") record.enter("PAUSED");
      control.paused();
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
    this.record.checkpoint(written);
    this.#folder.prune(tools.config.checkpoint.keep);
    return written;
  }
}
