import { join } from "node:path";
import { createClient, createServer, type RpcClient, trainerService } from "@decorum/rpc";
import { createLogger, createMetrics, type Metrics as ProcessMetrics } from "@decorum/telemetry";
import { loraConfigOf, sections, type TrainerConfig } from "@decorum/settings";
import type { Metrics, RunRow } from "@decorum/runs";
import { trainerServiceOf } from "../service.ts";
import { Trainer } from "../run/trainer.ts";
import type { FakePolicy } from "@decorum/testing/policy";
import { startTinyPolicy } from "./policy_server.ts";
import { startReward, type TestReward } from "./reward_server.ts";
import { writeRows, writeTinyT5 } from "./tiny_model.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

/** Changes of a test's configuration, field by field. */
export interface Changes {
  readonly ppo?: Partial<TrainerConfig["ppo"]>;
  readonly grpo?: Partial<TrainerConfig["grpo"]>;
  readonly rloo?: Partial<TrainerConfig["rloo"]>;
  readonly data?: Partial<TrainerConfig["data"]>;
  readonly other?: Partial<TrainerConfig>;
}

/** A folder with a tiny model and data, one or more policies, a reward, and trainers on demand. */
export interface Fixture extends AsyncDisposable {
  readonly folder: string;
  readonly policies: readonly FakePolicy[];
  readonly reward: TestReward;
  config(changes?: Changes): TrainerConfig;
  trainer(changes?: Changes): Trainer;
  /** Starts a run in a trainer of its own and waits for its end. */
  finished(runId: string, changes?: Changes): Promise<Finished>;
}

/** A run that has ended. */
export interface Finished {
  readonly run: RunRow;
  /** Metrics by step, `time/*` left out. */
  readonly metrics: readonly Metrics[];
  /** Everything, times too. */
  readonly all: readonly Metrics[];
  readonly messages: readonly string[];
  readonly processMetrics: ProcessMetrics;
}

export async function fixture(options: { readonly policies?: number } = {}): Promise<Fixture> {
  const folder = new TemporaryFolder();
  const model = join(folder.path, "model");
  writeTinyT5(model);
  writeRows(join(folder.path, "train.jsonl"), 40);
  const base = settings(folder.path);
  const reward = await startReward();
  const policies = await Promise.all(
    Array.from({ length: options.policies ?? 1 }, () => startTinyPolicy(model, loraConfigOf(base))),
  );
  const trainers: Trainer[] = [];
  const config = ({ ppo, grpo, rloo, data, other = {} }: Changes = {}): TrainerConfig => ({
    ...base,
    policy: policies.map(({ address }) => address),
    reward: reward.address,
    ...other,
    ppo: { ...base.ppo, ...ppo },
    grpo: { ...base.grpo, ...grpo },
    rloo: { ...base.rloo, ...rloo },
    data: { ...base.data, ...data },
  });
  const trainer = (changes: Changes = {}) => {
    const logger = createLogger({ service: "trainer", write: () => {} });
    const metrics = createMetrics({ service: "trainer", version: "test" });
    const backoff = { firstMs: 20, longestMs: 100 };
    const made = new Trainer({ config: config(changes), logger, metrics, backoff });
    trainers.push(made);
    return made;
  };
  return {
    folder: folder.path,
    policies,
    reward,
    config,
    trainer,
    async finished(runId, changes = {}) {
      const one = trainer(changes);
      await one.start({ runId, configJson: "", resume: false });
      return await ended(one, runId);
    },
    async [Symbol.asyncDispose]() {
      for (const one of trainers) await one.close();
      for (const policy of policies) await policy[Symbol.asyncDispose]();
      await reward[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** A complete configuration for a folder with `model` and `train.jsonl`. */
export function settings(folder: string): TrainerConfig {
  const model = sections.model.parse({
    name_or_path: join(folder, "model"),
    lora: { r: 4, lora_alpha: 8, target_modules: ["q", "v", "wo", "o"] },
  });
  const section = sections.trainer.parse({
    listen: "127.0.0.1:0",
    threads: 1,
    runs: join(folder, "runs"),
    data: { train: join(folder, "train.jsonl"), prompt: "{text}" },
    ppo: {
      steps: 3,
      batch_size: 8,
      mini_batch_size: 4,
      ppo_epochs: 2,
      max_new_tokens: 8,
      learning_rate: 0.01,
      init_kl_coef: 0.05,
    },
    rollout: { group_size: 4 },
    checkpoint: { every_steps: 1, keep: 2 },
    seed: 5,
  });
  return { ...section, model };
}

/** Waits for the end of a trainer's run. */
export async function ended(trainer: Trainer, runId: string): Promise<Finished> {
  const never = new AbortController().signal;
  while (trainer.run(runId).state === "STARTING" || trainer.run(runId).state === "RUNNING") {
    await trainer.store.changed(200, never);
  }
  return finishedRun(trainer, runId);
}

/** What is on record of a run. */
export function finishedRun(trainer: Trainer, runId: string): Finished {
  const all = trainer.store.steps(runId, 1).map(({ metrics }) => metrics);
  return {
    run: trainer.run(runId),
    all,
    metrics: all.map(withoutTimes),
    messages: trainer.store.events(runId)
      .filter(({ kind }) => kind === "note" || kind === "service")
      .map(({ message }) => message),
    processMetrics: trainer.options.metrics,
  };
}

/** Metrics that are promised to be equal. */
export function withoutTimes(metrics: Metrics): Metrics {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith("time/")));
}

/** A trainer behind gRPC, and a client of it. */
export async function overRpc(trainer: Trainer): Promise<
  { client: RpcClient<typeof trainerService> } & AsyncDisposable
> {
  const { logger } = trainer.options;
  const services = [trainerServiceOf(trainer)];
  const server = await createServer({ address: "127.0.0.1:0", services, logger });
  server.setServing(true);
  const client = createClient(trainerService, { address: server.address });
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.drain({ graceMs: 0 });
    },
  };
}
