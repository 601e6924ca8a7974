import { Command } from "commander";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import {
  type DataRows,
  type Examples,
  type LearningSession,
  preferenceRows,
  resumeTraining,
  type RunSettings,
  runTraining,
  type TrainedModel,
  type TrainingRun,
  type TrainMetrics,
} from "@decorum/learning";
import type { LoraConfig } from "@decorum/models";
import { ConfigError } from "@decorum/settings";
import { InputError, type JsonObject, readJson } from "@decorum/tensor";
import { loadRows, loadTokenizer, parsePrompt, type Prompt, splitRows } from "@decorum/text";
import { addFlags, type FlagValues, Problems, readFlags } from "./flags.ts";
import { Interruption } from "./interruption.ts";
import { learnersOf } from "./learners.ts";
import { startProgress } from "./progress.ts";
import {
  checkTrainingFlags,
  planOf,
  settingsOf,
  type TrainingFlags,
  trainingFlags,
  type TrainingPlan,
} from "./training_flags.ts";

/** What a trainer learns from, and what it is judged by. */
export interface TrainingData {
  readonly train: DataRows;
  /** Absent where nothing is held out. */
  readonly heldOut?: DataRows;
}

/**
 * Reads the files that the options name, and divides the first where a share of it is held out.
 *
 * @param kind preferences: the prompt that two conversations share is taken out of them, see `preferenceRows`
 * @throws InputError when a file or a part has no rows
 */
export async function readTrainingData(
  flags: Pick<TrainingFlags, "data" | "evalData" | "evalFraction" | "seed">,
  kind: "texts" | "preferences" = "texts",
): Promise<TrainingData> {
  const { data, evalData, evalFraction, seed } = flags;
  const all = await readData(data, kind);
  if (evalData !== undefined) return { train: all, heldOut: await readData(evalData, kind) };
  if (evalFraction === undefined) return { train: all };
  const parts = splitRows(all.rows, {
    parts: { train: 1 - evalFraction, heldOut: evalFraction },
    seed,
  });
  for (const part of ["train", "heldOut"] as const) {
    if (parts[part].length > 0) continue;
    const what = part === "train" ? "to train on" : "held out";
    throw new InputError(
      `Cannot divide the ${all.rows.length} rows of ${data} by --eval-fraction ${evalFraction}: none is ${what}; ` +
        "change the share, or give held-out rows as --eval-data",
    );
  }
  return {
    train: { name: data, rows: parts.train },
    heldOut: { name: `${data} (held out)`, rows: parts.heldOut },
  };
}

async function readData(file: string, kind: "texts" | "preferences"): Promise<DataRows> {
  const rows = await loadRows(file, { messages: kind === "texts" ? "text" : "json" });
  if (rows.length === 0) {
    throw new InputError(`Cannot use ${file}: it has no rows, expected at least one example`);
  }
  return kind === "texts" ? { name: file, rows } : preferenceRows({ name: file, rows });
}

/**
 * The templates of some options by the options' names: a text with `{columns}`, or the name of one column.
 *
 * @throws ConfigError for columns that the data lacks
 */
export function readTemplates<T extends Readonly<Record<string, string | undefined>>>(
  templates: T,
  { train, heldOut }: TrainingData,
): { readonly [K in keyof T]: Prompt | Extract<T[K], undefined> } {
  const problems = new Problems();
  const read = Object.entries(templates).map(([name, template]) => {
    if (template === undefined) return [name, undefined] as const;
    const whole = /[{}]/.test(template) ? template : `{${template}}`;
    const parse = (data: DataRows) =>
      problems.attempt(
        `--${name} is ${JSON.stringify(template)}, used on ${data.name}`,
        () => parsePrompt(whole, Object.keys(data.rows[0]!)),
      );
    const prompt = parse(train);
    if (prompt && heldOut) parse(heldOut);
    return [name, prompt] as const;
  });
  problems.throwIfAny();
  return Object.fromEntries(read) as { [K in keyof T]: Prompt | Extract<T[K], undefined> };
}

/** `initPolicyModel` or `initClassifier`. */
type Initialise = (
  folder: string,
  config: JsonObject,
  options: { readonly seed: number; readonly tokenizerOf?: string },
) => void;

/**
 * The folder of the model that training starts from: the one that was named, or `start` in the output folder,
 * which gets random weights unless a run is continued that has them.
 *
 * @throws ConfigError when the vocabulary of the config is smaller than the tokenizer's
 */
export function startModel(
  flags: Pick<TrainingFlags, "model" | "initConfig" | "tokenizer" | "out" | "seed" | "resume">,
  initialise: Initialise,
): string {
  const { model, initConfig, out, seed, resume } = flags;
  if (model !== undefined) return model;
  if (initConfig === undefined) throw new Error("internal: neither model nor config");
  const folder = join(out, "start");
  if (resume && existsSync(join(folder, "config.json"))) return folder;
  const config = readJson(initConfig);
  const tokenizerOf = flags.tokenizer ?? dirname(initConfig);
  const { vocabSize } = loadTokenizer(tokenizerOf);
  const rows = config["vocab_size"];
  if (typeof rows === "number" && rows < vocabSize) {
    throw new ConfigError([
      `--init-config is "${initConfig}": its vocab_size is ${rows}, but the tokenizer of ${tokenizerOf} has ids up to ${
        vocabSize - 1
      }; expected at least ${vocabSize}`,
    ]);
  }
  initialise(folder, config, { seed, tokenizerOf });
  return folder;
}

/** What a command trains. */
export interface Training<E, I, P> {
  /** Folder of the model that training starts from. */
  readonly model: string;
  readonly data: TrainingData;
  readonly encode: (rows: DataRows) => Examples<E>;
  /** The adapter that learns; undefined: all weights. */
  readonly lora: LoraConfig | undefined;
  /** Where the options do not say: of an adapter, and of all weights. */
  readonly learningRates: readonly [adapter: number, weights: number];
  readonly open: (options: TrainedModel) => Promise<LearningSession<E, I, P>>;
  /** What must be the same when the run continues, besides what all commands have. */
  readonly settings?: RunSettings;
  /** What a loss is the mean over: "target tokens", "texts", "pairs". */
  readonly unit: string;
}

/**
 * A command that trains: reads and checks its options, then trains what `prepare` makes of them.
 *
 * @param check finds what is wrong with options of its own
 */
export function trainingCommand<T extends typeof trainingFlags, E, I, P>(
  { name, description, table, check, prepare }: {
    readonly name: string;
    readonly description: string;
    readonly table: T;
    readonly check?: (flags: Partial<FlagValues<T>>, problems: Problems) => void;
    readonly prepare: (flags: FlagValues<T>) => Promise<Training<E, I, P>>;
  },
): Command {
  const command = new Command(name).description(description);
  return addFlags(command, table).action(async (given) => {
    const problems = new Problems();
    const flags = readFlags(table, given, problems);
    checkTrainingFlags(flags as Partial<TrainingFlags>, problems);
    check?.(flags, problems);
    problems.throwIfAny();
    using stop = new Interruption();
    await train(name, flags as TrainingFlags, await prepare(flags as FlagValues<T>), stop);
  });
}

async function train<E, I, P>(
  title: string,
  flags: TrainingFlags,
  { model, data, encode, lora, learningRates, open, ...training }: Training<E, I, P>,
  stop: Interruption,
): Promise<void> {
  const examples = encode(data.train);
  const heldOut = data.heldOut && encode(data.heldOut);
  for (const part of [examples, heldOut]) if (part?.note) console.error(part.note);
  const plan = planOf(flags, examples.examples.length, learningRates[lora ? 0 : 1]);
  await using session = await open({
    model,
    optimizer: plan.optimizer,
    microBatchSize: plan.microBatchSize,
    seed: plan.seed,
    runtime: { intraOpThreads: flags.threads },
    ...learnersOf(flags, model),
    ...(lora ? { lora } : {}),
  });
  const settings = await settingsOf(flags, plan, lora, model, examples.examples);
  await trainWithProgress({
    ...{ title, session, model, out: flags.out, resume: flags.resume, unit: training.unit },
    ...{ schedule: plan, checkpointEvery: flags.checkpointEvery },
    data: examples.examples,
    heldOut: heldOut?.examples,
    settings: { ...settings, ...training.settings },
  }, stop);
}

/** A training with everything that it takes. */
interface TrainingJob<E, I, P> extends TrainingRun<E, I, P>, Pick<Training<E, I, P>, "unit"> {
  /** The command's name. */
  readonly title: string;
  readonly schedule: TrainingPlan;
  readonly resume: boolean;
}

/**
 * Trains to the last step with progress, metrics and checkpoints; writes model or adapter; evaluates. A signal
 * ends it after the step in hand, with a checkpoint, and sets the exit code.
 *
 * @throws ConfigError with every setting that is not that of the run that is to continue
 */
async function trainWithProgress<E, I, P>(
  job: TrainingJob<E, I, P>,
  stop: Interruption,
): Promise<void> {
  const { title, session, schedule, out, settings, unit } = job;
  if (job.resume) {
    const others = resumeTraining(job);
    if (others.length > 0) {
      throw new ConfigError(
        others.map(({ setting, was }) =>
          `${setting} is ${show(settings[setting])}: the run in ${out} has ${
            show(was)
          }; give the same, or name another --out`
        ),
      );
    }
  }
  describe(job);
  const began = session.steps;
  let losses: { readonly first: number; last: number } | undefined;
  const progress = startProgress(title, schedule.steps, began);
  const watcher = {
    get stopped() {
      return stop.requested;
    },
    stop: stop.arrived,
    step({ step, loss, count, reason }: TrainMetrics, seconds: number) {
      if (reason !== undefined) progress.say(`Step ${step + 1} skipped: ${reason}`);
      losses = { first: losses?.first ?? loss, last: loss };
      const speed = count / seconds;
      const shown = `loss ${loss.toFixed(4)}  ${speed.toFixed(speed < 10 ? 1 : 0)} ${unit}/s`;
      progress.update(step + 1, shown);
    },
  };
  const end = await runTraining(job, watcher).finally(() => progress.stop());
  if (!end.finished) return interrupted(session.steps, schedule.steps, stop);
  const { skipped } = session.state().train;
  console.log(
    `Trained ${schedule.steps} steps` +
      (losses ? `, loss ${losses.first.toFixed(4)} -> ${losses.last.toFixed(4)}` : "") +
      (skipped > 0 ? `; ${skipped} updates were skipped, metrics.jsonl says why` : ""),
  );
  if (end.evaluation === undefined) {
    console.log("Nothing was held out: --eval-data or --eval-fraction tells how good it is");
  } else {
    const { count, means } = end.evaluation;
    const accuracy = means["accuracy"] ?? means["rewards/accuracies"];
    console.log(
      `Eval loss ${means["loss"]!.toFixed(4)} over ${count} ${unit}` +
        (accuracy === undefined ? "" : `, accuracy ${(100 * accuracy).toFixed(1)} %`),
    );
  }
  console.log(`${session.task.lora ? "Adapter" : "Model"}: ${end.product}`);
}

function show(value: RunSettings[string] | undefined): string {
  return value === undefined || value === null ? "not given" : JSON.stringify(value);
}

/** Says what is going to be done, and what it takes. */
function describe<E, I, P>({ title, session, data, heldOut, schedule }: TrainingJob<E, I, P>) {
  const weights = [...session.params.values()].reduce((n, { data }) => n + data.length, 0);
  // Weights, gradients and Adam's two moments in float32.
  const bytes = weights * 4 * 4;
  const what = session.task.lora ? "an adapter" : "all weights";
  console.error(
    `${title}: ${what}, ${weights.toLocaleString("en")} numbers (with gradients and moments ${
      megabytes(bytes)
    }, activations on top), learning rate ${schedule.optimizer.learningRate}`,
  );
  console.error(
    `${title}: ${data.length} examples, ${
      heldOut?.length ?? 0
    } held out, ${schedule.steps} steps of ${schedule.batchSize}` +
      (session.steps > 0 ? `; continues after step ${session.steps}` : ""),
  );
}

function megabytes(bytes: number): string {
  return bytes < 1e9
    ? `${Math.max(1, Math.round(bytes / 1e6))} MB`
    : `${(bytes / 1e9).toFixed(1)} GB`;
}

function interrupted(done: number, steps: number, stop: Interruption): void {
  const again = process.argv.slice(2).filter((argument) => argument !== "--resume").map(quoted);
  console.error(
    `Stopped after step ${done} of ${steps}, with a checkpoint. Continue with:\n` +
      `  decorum ${again.join(" ")} --resume`,
  );
  process.exitCode = stop.exitCode;
}

/** An argument as a POSIX shell reads it. */
function quoted(argument: string): string {
  return /^[\w./:=,@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
