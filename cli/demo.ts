import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type AlgorithmName, algorithmNames } from "@decorum/algorithms";
import { pushAdapter } from "@decorum/fleet";
import {
  createClient,
  evaluatorService,
  type evaluatorV1,
  policyService,
  type policyV1,
  trainerService,
} from "@decorum/rpc";
import { evaluationOf, RunStore } from "@decorum/runs";
import { exportClassifierOnnx } from "@decorum/scoring";
import { PROMPT_TEMPLATE, promptRows } from "../demo/corpus/mod.ts";
import { replaceFile } from "@decorum/tensor";
import { evaluatePersistently } from "./evaluate_run.ts";
import { writeReport } from "./report.ts";
import { serviceProgram, startAll, withSupervisor } from "./services.ts";
import type { Supervisor } from "./supervisor.ts";
import { summarize, type Summary } from "./summary.ts";
import { watchRun } from "./watch_run.ts";

export interface DemoOptions {
  readonly seed: number;
  /** How the policy learns; as demo.yaml says when absent. */
  readonly algorithm?: AlgorithmName;
  /** Steps of training; those of demo.yaml when absent. */
  readonly steps?: number;
  /** Folder of all that the demo writes. */
  readonly out: string;
  /** Control: every response gets the same score. */
  readonly constantReward: boolean;
  readonly heldOut: number;
  /** Further settings of the services, as `telemetry.otlp_endpoint=http://127.0.0.1:4318`. */
  readonly set: readonly string[];
  readonly onLine: (name: string, line: string) => void;
}

/** Conversations that PPO trains on. */
const PROMPTS = 2048;
const demoFolder = fileURLToPath(new URL("../demo/", import.meta.url));

/** What a demo run has written. */
export interface DemoResult {
  readonly summary: Summary;
  readonly reportFile: string;
  readonly summaryFile: string;
}

/**
 * Detoxifies the built-in model: four services as processes, PPO, evaluation of held-out prompts,
 * `report.html` and `summary.json`. All services are ended before it returns.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const started = performance.now();
  const out = resolve(options.out);
  mkdirSync(out, { recursive: true });
  const heldOut = promptRows(options.seed, "held-out", options.heldOut);
  const data = writeData(out, options.seed);
  const { result, run } = await withSupervisor(
    options.onLine,
    (supervisor) => measure(supervisor, options, out, data, heldOut),
  );
  const summary = summarize(result, {
    kl_target: run.klTarget,
    steps: run.steps,
    seconds: (performance.now() - started) / 1000,
    config_hash: run.configHash,
  });
  const summaryFile = join(out, "summary.json");
  const reportFile = join(out, "report.html");
  await writeReport(run.runs, run.runId, reportFile);
  replaceFile(summaryFile, JSON.stringify(summary, null, 2) + "\n");
  return { summary, reportFile, summaryFile };
}

function writeData(out: string, seed: number): string {
  const file = join(out, "prompts.jsonl");
  const rows = promptRows(seed, "ppo", PROMPTS);
  replaceFile(file, rows.map(({ dialogue }) => JSON.stringify({ dialogue })).join("\n") + "\n");
  return file;
}

async function measure(
  supervisor: Supervisor,
  options: DemoOptions,
  out: string,
  data: string,
  heldOut: readonly { readonly dialogue: string; readonly civil: string }[],
) {
  const config = join(demoFolder, "demo.yaml");
  const start = (name: Parameters<typeof serviceProgram>[0], set: readonly string[]) =>
    supervisor.start(serviceProgram(name, {
      config,
      set: [`${name}.listen=127.0.0.1:0`, ...set, ...options.set],
    }));
  const models = join(demoFolder, "models");
  const runs = join(out, "runs");
  const base = `model.name_or_path=${join(models, "policy")}`;
  const judge = join(out, "judge");
  exportClassifierOnnx(join(models, "judge"), judge);
  await startAll([
    start("policy", [base]),
    start("reward", [`reward.model=${join(models, "reward")}`]),
  ]);
  const policy = supervisor.address("policy");
  // The evaluator measures the trainer's terms.
  const reward = `trainer.reward=${supervisor.address("reward")}`;
  await startAll([
    start("evaluator", [
      `evaluator.policy=${JSON.stringify([policy])}`,
      reward,
      `evaluator.toxicity.model=${join(models, "reward")}`,
      `evaluator.judge.model=${judge}`,
    ]),
    start("trainer", [
      `trainer.policy=${JSON.stringify([policy])}`,
      reward,
      base,
      `trainer.data.train=${data}`,
      `trainer.data.prompt=${JSON.stringify(PROMPT_TEMPLATE)}`,
      `trainer.runs=${runs}`,
    ]),
  ]);
  using trainer = createClient(trainerService, { address: supervisor.address("trainer") });
  using evaluator = createClient(evaluatorService, { address: supervisor.address("evaluator") });
  const runId = `demo-${options.seed}-${Date.now().toString(36)}`;
  await trainer.startRun({
    runId,
    configJson: JSON.stringify({
      seed: options.seed,
      ...(options.constantReward ? { constant_score: 0 } : {}),
      ...(options.algorithm === undefined ? {} : { algorithm: options.algorithm }),
      ...(options.steps === undefined ? {} : stepsOf(options.steps)),
    }),
  });
  const run = await watchRun(trainer, runId, { throughRestarts: true });
  const { configJson } = await trainer.getRun({ runId });
  const settings = settingsOf(configJson);
  const after: policyV1.WeightsSelector = run.weightsVersion > 0
    ? { kind: "WEIGHTS_KIND_VERSION", runId, version: run.weightsVersion }
    : { kind: "WEIGHTS_KIND_START", runId };
  const request: evaluatorV1.EvaluateRequest = {
    prompts: heldOut.map(({ dialogue, civil }, i) => ({
      key: `held-out-${i}`,
      prompt: PROMPT_TEMPLATE.replace("{dialogue}", () => dialogue),
      reference: civil,
      rowJson: JSON.stringify({ dialogue, civil }),
    })),
    sampling: {
      doSample: true,
      temperature: settings.temperature,
      minNewTokens: settings.min_new_tokens,
      maxNewTokens: settings.max_new_tokens,
    },
    seed: options.seed,
    before: { kind: "WEIGHTS_KIND_START", runId },
    after,
    samples: 24,
  };
  using client = createClient(policyService, { address: policy });
  const result = await evaluatePersistently(evaluator, request, () =>
    pushAdapter(client, {
      runId,
      version: run.weightsVersion,
      adapter: join(runs, runId, "adapter"),
      model: join(models, "policy"),
    }));
  {
    using store = new RunStore(runs);
    store.addEvaluation(runId, {
      ...{ step: run.step, unixMs: Date.now(), result: evaluationOf(result) },
    });
  }
  return {
    result,
    run: {
      runId,
      runs,
      klTarget: settings.target ?? 0,
      steps: run.step,
      configHash: run.configHash,
    },
  };
}

/** The same number of steps for whichever algorithm it is. */
function stepsOf(steps: number): Readonly<Record<string, { readonly steps: number }>> {
  return Object.fromEntries(algorithmNames.map((name) => [name, { steps }]));
}

/** What the report needs of a run's settings. */
function settingsOf(configJson: string) {
  type Settings =
    & Readonly<Record<"temperature" | "min_new_tokens" | "max_new_tokens", number>>
    & { readonly target?: number };
  const config = JSON.parse(configJson) as
    & { readonly algorithm: AlgorithmName }
    & Readonly<Record<AlgorithmName, Settings>>;
  return config[config.algorithm];
}
