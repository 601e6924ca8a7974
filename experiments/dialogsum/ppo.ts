import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { stringify } from "yaml";
import { replaceFile } from "@decorum/tensor";
import type { Comparison, Moments } from "@decorum/runs";
import { decorum } from "./decorum.ts";
import type { Settings } from "./settings.ts";

interface Sides<T = number> {
  readonly before: T;
  readonly after: T;
}

/** What `decorum evaluate` writes, as far as it is used here. */
interface Evaluation {
  readonly toxicity: Comparison;
  readonly judge: Comparison;
  readonly rouge_1: Sides;
  readonly rouge_2: Sides;
  readonly rouge_l: Sides;
  readonly kl: number;
  readonly distinct2: Sides;
  readonly length: Sides<Moments>;
  readonly samples: readonly {
    readonly key: string;
    readonly toxicityBefore: number;
    readonly toxicityAfter: number;
  }[];
}

/** A PPO run, measured on held-out dialogues. */
export interface Measured extends Omit<Evaluation, "samples"> {
  /** What was learned from: a name of the settings. */
  readonly reward: string;
  readonly seed: number;
  /** Whether every response got the same score: the control. */
  readonly constant_reward: boolean;
  /** Mean toxicity of the responses to dialogues with a toxic turn, and to those without. */
  readonly with_toxic_turn: Sides & { readonly n: number };
  readonly without: Sides & { readonly n: number };
  /** Wall time of the last call of each. */
  readonly train_seconds: number;
  readonly evaluate_seconds: number;
}

/** Where the stages that a run needs have left their results. */
export interface RunInputs {
  /** Folder of the stages. */
  readonly out: string;
  /** The stage's own folder. */
  readonly folder: string;
  readonly settings: Settings;
  /** Name of the reward, and its terms. */
  readonly reward: string;
  readonly terms: readonly unknown[];
  readonly seed: number;
  readonly constantReward: boolean;
}

const RUN = "ppo";

/** Trains with the four services as processes, from where it stopped; then measures start and result. */
export async function trainAndMeasure(inputs: RunInputs): Promise<Measured> {
  const { folder, settings, reward, seed, constantReward, out } = inputs;
  const config = join(folder, "services.yaml");
  replaceFile(config, stringify(await servicesOf(inputs)));
  const log = join(folder, "services.log");
  const shared = ["--config", config, "--log", log];
  const started = performance.now();
  if (!existsSync(join(folder, "runs", RUN, "adapter"))) {
    const onRecord = await isOnRecord(join(folder, "runs"));
    await decorum(onRecord ? ["resume", RUN, ...shared] : ["train", "--run-id", RUN, ...shared]);
  }
  const trained = performance.now();
  const { ppo } = settings.ppo.services.trainer;
  const test = join(out, "prepare", "test.jsonl");
  const stdout = await decorum([
    ...["evaluate", "--run", RUN, ...shared, "--data", test, "--prompt", settings.data.prompt],
    ...["--reference", "reference", "--seed", `${seed}`, "--temperature", `${ppo.temperature}`],
    ...["--max-new-tokens", `${ppo.max_new_tokens}`, "--samples", `${settings.ppo.held_out}`],
  ]);
  replaceFile(join(folder, "evaluation.json"), stdout);
  const { samples, ...evaluation } = JSON.parse(stdout) as Evaluation;
  const rows = readFileSync(test, "utf8").trim().split("\n")
    .map((line) => JSON.parse(line) as { inserted: string });
  const part = (toxic: boolean) =>
    meansOf(samples.filter(({ key }) => (rows[Number(key)]!.inserted !== "") === toxic));
  const seconds = (from: number, to: number) => Math.round((to - from) / 100) / 10;
  return {
    ...evaluation,
    reward,
    seed,
    constant_reward: constantReward,
    with_toxic_turn: part(true),
    without: part(false),
    train_seconds: seconds(started, trained),
    evaluate_seconds: seconds(trained, performance.now()),
  };
}

function meansOf(samples: Evaluation["samples"]): Sides & { readonly n: number } {
  const n = samples.length;
  return {
    n,
    before: samples.reduce((sum, { toxicityBefore }) => sum + toxicityBefore, 0) / n,
    after: samples.reduce((sum, { toxicityAfter }) => sum + toxicityAfter, 0) / n,
  };
}

async function isOnRecord(runs: string): Promise<boolean> {
  if (!existsSync(join(runs, "decorum.db"))) return false;
  return (await decorum(["runs", "list", "--runs", runs, "--json"])).trim() !== "";
}

/** The configuration of the four services. */
async function servicesOf({ out, folder, settings, terms, seed, constantReward }: RunInputs) {
  const { model, policy, reward, evaluator, trainer } = settings.ppo.services;
  const [policyAt, rewardAt, evaluatorAt, trainerAt] = await freeAddresses(4);
  const classifier = join(out, "reward", "model");
  const { prompt, max_prompt_tokens } = settings.data;
  const quiet = { metrics_listen: null };
  return {
    model: { ...model, name_or_path: join(out, "sft", "model") },
    policy: { ...quiet, ...policy, listen: policyAt },
    reward: { ...quiet, ...reward, listen: rewardAt, model: classifier, label: "nothate" },
    evaluator: {
      ...quiet,
      ...evaluator,
      listen: evaluatorAt,
      policy: [policyAt],
      toxicity: { model: classifier, label: "hate" },
      judge: { model: join(out, "judge", "onnx"), label: "hate" },
    },
    trainer: {
      ...quiet,
      ...trainer,
      listen: trainerAt,
      policy: [policyAt],
      reward: rewardAt,
      rewards: terms,
      evaluator: null,
      runs: join(folder, "runs"),
      data: {
        ...{ train: join(out, "prepare", "ppo.jsonl"), prompt, max_prompt_tokens },
        reference_column: "reference",
      },
      seed,
      ...(constantReward ? { constant_score: 0 } : {}),
    },
  };
}

/** Addresses of this machine on which nobody listens now. */
async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const listening = servers.map((server) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(0, "127.0.0.1", resolve);
    })
  );
  await Promise.all(listening);
  const addresses = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
  return addresses;
}
