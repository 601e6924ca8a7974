import { join } from "node:path";
import process from "node:process";
import { type LearningSession, saveTrained, train } from "@decorum/learning";
import type { Interruption } from "../interruption.ts";
import { startProgress } from "../progress.ts";
import { restoreTrainingState, type RunSettings, writeTrainingState } from "./checkpoint_file.ts";
import { MetricsFile } from "./metrics_file.ts";
import type { TrainingPlan } from "./plan.ts";

export interface TrainingJob<E, I, P> {
  /** The command's name. */
  readonly title: string;
  readonly trainer: LearningSession<E, I, P>;
  /** Folder of the model that training started from. */
  readonly model: string;
  readonly data: readonly E[];
  readonly heldOut: readonly E[] | undefined;
  readonly plan: TrainingPlan;
  readonly settings: RunSettings;
  readonly out: string;
  readonly resume: boolean;
  /** Folder in `out` that gets what was trained. */
  readonly product: "model" | "adapter";
  /** What a loss is the mean over: "target tokens", "texts", "pairs". */
  readonly unit: string;
}

/**
 * Trains to the last step with progress, metrics and checkpoints; writes model or adapter; evaluates. A signal
 * ends it after the step that runs, with a checkpoint, and sets the exit code.
 */
export async function runTraining<E, I, P>(
  job: TrainingJob<E, I, P>,
  stop: Interruption,
): Promise<void> {
  const { trainer, plan, out, settings } = job;
  if (job.resume) restoreTrainingState(out, trainer, settings);
  const began = trainer.steps;
  const metrics = new MetricsFile(out, began);
  const save = () => writeTrainingState(out, trainer, settings, job.model);
  describe(job, began);
  const losses = await trainSteps(job, metrics, stop, save);
  const done = trainer.steps;
  if (done > began || !job.resume) save();
  if (stop.requested && done < plan.steps) return interrupted(job, done, stop);
  const product = join(out, job.product);
  saveTrained(product, job.model, trainer);
  const { skipped } = trainer.state().train;
  console.log(
    `Trained ${plan.steps} steps` + (losses ? `, loss ${losses}` : "") +
      (skipped > 0 ? `; ${skipped} updates were skipped, metrics.jsonl says why` : ""),
  );
  if (job.heldOut === undefined) {
    console.log("Nothing was held out: --eval-data or --eval-fraction tells how good it is");
  } else {
    const evaluating = trainer.evaluate(job.heldOut);
    // Of no interest once a signal has come, and it fails when the trainer is freed.
    evaluating.catch(() => {});
    const evaluation = await Promise.race([evaluating, stop.arrived]);
    if (!evaluation) return interrupted(job, done, stop);
    const { count, means: { loss = NaN, accuracy } } = evaluation;
    metrics.write({
      step: done,
      eval_loss: loss,
      eval_count: count,
      ...(accuracy === undefined ? {} : { accuracy }),
    });
    console.log(
      `Eval loss ${loss.toFixed(4)} over ${count} ${job.unit}` +
        (accuracy === undefined ? "" : `, accuracy ${(100 * accuracy).toFixed(1)} %`),
    );
  }
  console.log(`${job.product === "model" ? "Model" : "Adapter"}: ${product}`);
}

/** The step loop. @returns the first and the last loss, for people */
async function trainSteps<E, I, P>(
  { title, trainer, data, plan, unit }: TrainingJob<E, I, P>,
  metrics: MetricsFile,
  stop: Interruption,
  save: () => void,
): Promise<string | undefined> {
  let [first, last] = [NaN, NaN];
  const began = trainer.steps;
  if (began >= plan.steps || stop.requested) return undefined;
  const progress = startProgress(title, plan.steps, began);
  try {
    let then = performance.now();
    for await (const { step, ...update } of train(trainer, data, plan)) {
      const now = performance.now();
      const seconds = (now - then) / 1000;
      then = now;
      const perSecond = update.count / seconds;
      metrics.write({
        step: step + 1,
        loss: update.loss,
        count: update.count,
        grad_norm: update.gradNorm,
        learning_rate: update.learningRate,
        ...(update.reason === undefined ? {} : { skipped: update.reason }),
        seconds: Number(seconds.toFixed(4)),
      });
      if (update.reason !== undefined) progress.say(`Step ${step + 1} skipped: ${update.reason}`);
      if (step === began) first = update.loss;
      last = update.loss;
      progress.update(
        step + 1,
        `loss ${update.loss.toFixed(4)}  ${perSecond.toFixed(perSecond < 10 ? 1 : 0)} ${unit}/s`,
      );
      if (stop.requested) break;
      const due = plan.checkpointEvery > 0 && (step + 1) % plan.checkpointEvery === 0;
      if (due && step + 1 < plan.steps) save();
    }
  } finally {
    progress.stop();
  }
  return `${first.toFixed(4)} -> ${last.toFixed(4)}`;
}

/** Says what is going to be done, and what it takes. */
function describe<E, I, P>(
  { title, trainer, data, heldOut, plan, product }: TrainingJob<E, I, P>,
  began: number,
) {
  const weights = [...trainer.params.values()].reduce((n, { data }) => n + data.length, 0);
  // Weights, gradients and Adam's two moments in float32.
  const bytes = weights * 4 * 4;
  const what = product === "model" ? "all weights" : "an adapter";
  console.error(
    `${title}: ${what}, ${weights.toLocaleString("en")} numbers (with gradients and moments ${
      megabytes(bytes)
    }, activations on top), learning rate ${plan.optimizer.learningRate}`,
  );
  console.error(
    `${title}: ${data.length} examples, ${
      heldOut?.length ?? 0
    } held out, ${plan.steps} steps of ${plan.batchSize}` +
      (began > 0 ? `; goes on after step ${began}` : ""),
  );
}

function megabytes(bytes: number): string {
  return bytes < 1e9
    ? `${Math.max(1, Math.round(bytes / 1e6))} MB`
    : `${(bytes / 1e9).toFixed(1)} GB`;
}

function interrupted<E, I, P>(
  { plan }: TrainingJob<E, I, P>,
  done: number,
  stop: Interruption,
): void {
  const again = process.argv.slice(2).filter((argument) => argument !== "--resume").map(quoted);
  console.error(
    `Stopped after step ${done} of ${plan.steps}, with a checkpoint. Go on with:\n` +
      `  decorum ${again.join(" ")} --resume`,
  );
  process.exitCode = stop.exitCode;
}

/** An argument as a POSIX shell reads it. */
function quoted(argument: string): string {
  return /^[\w./:=,@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
