import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError, replaceFile } from "@decorum/tensor";
import { dataOrder } from "@decorum/text";
import {
  newestCheckpoint,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import type { LearningSession } from "./learning_session.ts";
import type { Evaluation } from "./pass.ts";
import type { UpdateOutcome } from "./optimizer.ts";
import { saveTrained } from "./trained_model.ts";

export interface TrainingSchedule {
  /** Examples of one update. */
  readonly batchSize: number;
  /** Updates in all, those before a resume counted. */
  readonly steps: number;
  /** Of the order of the data. */
  readonly seed: number;
}

/** What one update reports. */
export interface TrainMetrics extends UpdateOutcome {
  /** Counted from 0. */
  readonly step: number;
  /** Mean over the mini-batch, in nats. */
  readonly loss: number;
  /** Tokens (texts, pairs) that the means are over. */
  readonly count: number;
  /** The update's scalar outputs, `loss` among them. */
  readonly means: Readonly<Record<string, number>>;
}

/**
 * Trains until `steps` updates were tried, and reports each. The data is shuffled for each epoch; the place
 * in it follows from the session's state, so a restored one continues where it was.
 *
 * @throws InputError when the data does not fill one batch
 */
export async function* train<E, I, P>(
  session: Pick<LearningSession<E, I, P>, "update" | "steps">,
  data: readonly E[],
  { batchSize, steps, seed }: TrainingSchedule,
): AsyncGenerator<TrainMetrics> {
  const order = dataOrder(data.length, seed);
  while (session.steps < steps) {
    const step = session.steps;
    const batch = order.batchAt(step, batchSize).map((row) => data[row]!);
    yield { step, ...await session.update(batch) };
  }
}

/** What decides a run's results, by the option that sets it. */
export type RunSettings = Readonly<Record<string, string | number | boolean | null>>;

export interface TrainingRun<E, I, P> {
  readonly session: LearningSession<E, I, P>;
  readonly data: readonly E[];
  readonly heldOut: readonly E[] | undefined;
  readonly schedule: TrainingSchedule;
  /** Steps between checkpoints; 0: only when it ends. */
  readonly checkpointEvery: number;
  readonly settings: RunSettings;
  /** Gets `model/` or `adapter/`, `checkpoint/`, `metrics.jsonl`. */
  readonly out: string;
  /** Folder of the model that training started from. */
  readonly model: string;
}

/** Who watches a run, and may stop it. */
interface RunWatcher {
  /** After each step. @param seconds that it took */
  step(metrics: TrainMetrics, seconds: number): void;
  /** Whether it is to end after the step in hand. */
  readonly stopped: boolean;
  /** Resolves when it is to end. */
  readonly stop: Promise<void>;
}

/** How a run ended. */
interface RunEnd<P> {
  /** False: it was stopped, and continues from its checkpoint. */
  readonly finished: boolean;
  /** Folder of what was trained. */
  readonly product: string;
  /** Absent where nothing was held out. */
  readonly evaluation?: Evaluation<P>;
}

/** Folder of the checkpoints of a run. */
const checkpointsOf = (out: string) => join(out, "checkpoint");

/** Whether an output folder holds a run that can be continued. */
export function hasRun(out: string): boolean {
  return newestCheckpoint(checkpointsOf(out)) !== undefined;
}

/**
 * Goes on from a run's checkpoint, unless its settings are others.
 *
 * @returns each setting that is not that of the checkpoint's run: the session is then as it was
 * @throws InputError for a checkpoint of another model
 */
export function resumeTraining<E, I, P>(
  { session, settings, out }: Pick<TrainingRun<E, I, P>, "session" | "settings" | "out">,
): { readonly setting: string; readonly was: RunSettings[string] | undefined }[] {
  const path = newestCheckpoint(checkpointsOf(out));
  if (path === undefined) {
    throw new InputError(`Cannot continue the run in ${out}: it has no checkpoint`);
  }
  const { info, train } = readCheckpoint(path, session.params, session.task.model.layers);
  const saved = (info["settings"] ?? {}) as RunSettings;
  const names = [...new Set([...Object.keys(settings), ...Object.keys(saved)])];
  const others = names.filter((name) => settings[name] !== saved[name]);
  if (others.length === 0) session.restore({ ...session.state(), train });
  return others.map((setting) => ({ setting, was: saved[setting] }));
}

/**
 * Trains to the last step with metrics and checkpoints, writes model or adapter, and evaluates what is held out.
 *
 * @throws InputError when the loss is not finite, or no update could be applied
 */
export async function runTraining<E, I, P>(
  run: TrainingRun<E, I, P>,
  watcher: RunWatcher,
): Promise<RunEnd<P>> {
  const { session, data, schedule, out, model, settings } = run;
  const product = join(out, session.task.lora ? "adapter" : "model");
  const began = session.steps;
  const metrics = new MetricsFile(out, began);
  const save = () => {
    const contents = { train: session.state().train, info: { settings } };
    const { lora } = session.task;
    writeCheckpoint(checkpointsOf(out), session.steps, contents, { lora, base: model });
    pruneCheckpoints(checkpointsOf(out), 1);
  };
  let then = performance.now();
  let reason: string | undefined;
  if (!watcher.stopped) {
    for await (const update of train(session, data, schedule)) {
      const now = performance.now();
      const seconds = (now - then) / 1000;
      then = now;
      reason = update.reason;
      metrics.step(update, seconds);
      watcher.step(update, seconds);
      requireFinite(`at step ${update.step + 1}`, update.means);
      if (watcher.stopped) break;
      const done = session.steps;
      const due = run.checkpointEvery > 0 && done % run.checkpointEvery === 0;
      if (due && done < schedule.steps) save();
    }
  }
  if (session.steps > began || !hasRun(out)) save();
  if (watcher.stopped && session.steps < schedule.steps) return { finished: false, product };
  const { updates, skipped } = session.state().train;
  if (updates === 0) {
    throw new InputError(
      `Cannot train: all ${skipped} updates were skipped, the last because: ${reason}`,
    );
  }
  saveTrained(product, model, session);
  if (run.heldOut === undefined) return { finished: true, product };
  const evaluating = session.evaluate(run.heldOut);
  // Of no interest once it is stopped, and it fails when the session is freed.
  evaluating.catch(() => {});
  const evaluation = await Promise.race([evaluating, watcher.stop]);
  if (!evaluation) return { finished: false, product };
  metrics.evaluation(session.steps, evaluation);
  requireFinite("on what is held out", evaluation.means);
  return { finished: true, product, evaluation };
}

function requireFinite(where: string, means: Readonly<Record<string, number>>): void {
  const bad = Object.entries(means).find(([, mean]) => !Number.isFinite(mean));
  if (!bad) return;
  throw new InputError(
    `Cannot continue: ${bad[0]} ${where} is ${
      bad[1]
    }; all weights are finite, so activations overflow: lower the learning rate, or look at the data`,
  );
}

/** `metrics.jsonl` of a run: a line for each step, and one for each evaluation. */
class MetricsFile {
  readonly path: string;

  /**
   * @param done steps that the run has behind it; lines of later ones, left by a run that was ended before its
   * checkpoint, are dropped
   */
  constructor(out: string, done: number) {
    this.path = join(out, "metrics.jsonl");
    mkdirSync(out, { recursive: true });
    const lines = existsSync(this.path) ? readFileSync(this.path, "utf8").split("\n") : [];
    const kept = lines.filter((line) => {
      const parsed = parse(line);
      return parsed !== undefined && parsed.step <= done && !("eval_loss" in parsed);
    });
    replaceFile(this.path, kept.map((line) => `${line}\n`).join(""));
  }

  step(update: TrainMetrics, seconds: number): void {
    const { loss: _, ...more } = update.means;
    this.#write({
      step: update.step + 1,
      loss: update.loss,
      ...more,
      count: update.count,
      grad_norm: update.gradNorm,
      learning_rate: update.learningRate,
      ...(update.reason === undefined ? {} : { skipped: update.reason }),
      seconds: Number(seconds.toFixed(4)),
    });
  }

  evaluation(step: number, { count, means: { loss, ...more } }: Evaluation<unknown>): void {
    this.#write({ step, eval_loss: loss, eval_count: count, ...more });
  }

  #write(line: Readonly<Record<string, unknown>>): void {
    appendFileSync(this.path, `${JSON.stringify(line)}\n`);
  }
}

/** A line of the file; undefined for the half line that a killed process may leave. */
function parse(line: string): { readonly step: number } | undefined {
  try {
    return JSON.parse(line) as { readonly step: number };
  } catch {
    return undefined;
  }
}
