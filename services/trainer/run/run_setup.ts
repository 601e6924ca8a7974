import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  baseModelHash,
  type LoraConfig,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
  startingFrom,
  targetLayers,
  writePeftAdapter,
} from "@decorum/models";
import { algorithmOf, firstState, Learning } from "@decorum/algorithms";
import { createClient, evaluatorService, type policyV1, rewardService } from "@decorum/rpc";
import { callSecurity } from "@decorum/service";
import {
  type CallConfig,
  loraConfigOf,
  type RunConfig,
  settingsOf,
  type TrainerConfig,
} from "@decorum/settings";
import type { Logger, Metrics } from "@decorum/telemetry";
import { InputError, type Precision } from "@decorum/tensor";
import { dataOrder, loadTokenizer, type Tokenizer } from "@decorum/text";
import type { Progress } from "./checkpoint.ts";
import type { EvaluatorClient } from "./evaluation.ts";
import { checkPromptLengths, loadPrompts, type RunPrompts } from "../step/prompts.ts";
import { type RewardClient } from "../step/scores.ts";
import type { RunSources } from "./sources.ts";
import type { StepTools } from "../step/step.ts";
import { heldOf, persist, Policies, type PolicyClient, type Waiting } from "@decorum/fleet";

/** Where a run's services are, and what it runs on; not a part of its configuration. */
export type Surroundings = Pick<
  TrainerConfig,
  keyof CallConfig | "policy" | "reward" | "evaluator" | "provider" | "threads"
>;

/** What is read and checked before a run is accepted. */
export interface RunInputs {
  readonly config: RunConfig;
  readonly sources: RunSources;
  readonly tokenizer: Tokenizer;
  readonly prompts: RunPrompts;
  /** Of the adapter that is trained: the section lora, with what single layers of the start adapter have of their own. */
  readonly lora: LoraConfig;
  /** The adapter that training starts from, and its value head; undefined: a new one. */
  readonly start: PeftAdapter | undefined;
}

/** Everything a run works with; released at its end. */
export interface RunTools extends StepTools, AsyncDisposable {
  readonly evaluator: EvaluatorClient | undefined;
  readonly learner: Learning["learner"];
}

/**
 * Reads data, tokenizer and start adapter.
 *
 * @param folder the run's own, where a resumed run has its start adapter
 * @throws Error, InputError naming the field or file
 */
export async function readInputs(
  config: RunConfig,
  sources: RunSources,
  surroundings: Surroundings,
  folder: string,
): Promise<RunInputs> {
  const { model } = sources;
  if (!existsSync(join(model, "config.json"))) {
    throw new InputError(
      `Cannot load model ${config.model.name_or_path}: there is no config.json in that folder`,
    );
  }
  if (config.evaluate.every_steps > 0 && surroundings.evaluator === null) {
    throw new InputError(
      `evaluate.every_steps is ${config.evaluate.every_steps}, and this trainer has no evaluator: ` +
        "set trainer.evaluator, or evaluate.every_steps 0",
    );
  }
  const layers = openPolicyModel(model).layers;
  const asked = loraConfigOf(config);
  targetLayers(asked, layers, "model.lora");
  const kept = startFolder(folder);
  const from = existsSync(kept) ? kept : sources.startAdapter;
  const start = from === null ? undefined : readPeftAdapter(from, layers);
  const lora = start
    ? startingFrom(asked, start.config, layers, { what: "model.lora", source: from ?? "" })
    : asked;
  const tokenizer = loadTokenizer(model);
  const prompts = await loadPrompts(config, sources, tokenizer);
  return { config, sources, tokenizer, prompts, lora, start };
}

/** Keeps a copy of the start adapter with the run, so that a resumed run has the same reference. */
export function keepStart(folder: string, { start, config }: RunInputs): void {
  if (start) writePeftAdapter(startFolder(folder), start, { base: config.model.name_or_path });
}

/**
 * Opens models and services; waits for those that are away.
 *
 * @throws Error when a policy has another base model, the reward lacks the label, a prompt is too long for a policy
 */
export async function openTools(
  inputs: RunInputs,
  surroundings: Surroundings,
  waiting: Waiting,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): Promise<RunTools> {
  const { config, sources, tokenizer, prompts, lora, start } = inputs;
  const security = callSecurity(surroundings, "trainer", { logger, metrics });
  await using opened = new AsyncDisposableStack();
  const hash = await baseModelHash(sources.model);
  let precision: Precision = config.model.precision;
  const policies = opened.use(
    new Policies({
      ...{ addresses: surroundings.policy, security, metrics },
      admit: async (client, signal) => {
        const info = await checkPolicy(client, inputs, hash, signal);
        if (info.precision === "fp16" || info.precision === "bf16") precision = info.precision;
      },
    }, hash),
  );
  const reward = opened.use(
    createClient(rewardService, {
      ...security("reward"),
      metrics,
      address: surroundings.reward,
    }),
  );
  const evaluator = surroundings.evaluator === null ? undefined : opened.use(
    createClient(evaluatorService, {
      ...security("evaluator"),
      metrics,
      address: surroundings.evaluator,
    }),
  );
  await policies.check(waiting);
  await checkReward(reward, config.reward_label, waiting);
  const { provider, threads } = surroundings;
  const learning = opened.use(
    await Learning.open(algorithmOf(config.algorithm), {
      model: sources.model,
      settings: settingsOf(config),
      lora,
      start,
      seed: config.seed,
      runtime: {
        executionProvider: provider,
        precision: config.model.precision,
        ...(threads > 0 ? { intraOpThreads: threads } : {}),
      },
      policyPrecision: precision,
    }),
  );
  const all = opened.move();
  return {
    config,
    learning,
    learner: learning.learner,
    policies,
    reward,
    evaluator,
    prompts: prompts.train,
    order: dataOrder(prompts.train.length, config.seed),
    tokenizer,
    waiting,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What a run knows before its first step. */
export function firstProgress(learning: Learning): Progress {
  return { ...firstState(learning), rewardVersion: "" };
}

function startFolder(folder: string): string {
  return join(folder, "start");
}

/** Whether a run can use a policy. @throws RpcError when it does not answer; Error, InputError naming what does not fit */
async function checkPolicy(
  client: PolicyClient,
  { config, prompts, start }: RunInputs,
  baseModelHash: string,
  signal: AbortSignal,
): Promise<policyV1.GetModelInfoResponse__Output> {
  const { address } = client;
  const info = await client.getModelInfo({}, { signal });
  if (info.baseModelHash !== baseModelHash) {
    throw new InputError(
      `Policy ${address} serves ${info.modelName} (hash ${
        info.baseModelHash.slice(0, 12)
      }), the trainer ` +
        `learns on ${config.model.name_or_path} (hash ${
          baseModelHash.slice(0, 12)
        }): give both the same base model`,
    );
  }
  if (!start) await checkStart(client, signal);
  const { limits } = info;
  if (!limits) return info;
  const source = `limits.max_prompt_tokens of policy ${address}`;
  if (limits.maxPromptTokens > 0) checkPromptLengths(prompts.train, limits.maxPromptTokens, source);
  const { length_sampler: lengths, max_new_tokens: most } = settingsOf(config);
  const longest = lengths ? lengths.max - 1 : most;
  const group = config.rollout.group_size;
  const named = `${config.algorithm}.max_new_tokens`;
  checkLimit("rollout.group_size", group, "max_prompts", limits.maxPrompts, address);
  checkLimit(named, longest, "max_new_tokens", limits.maxNewTokens, address);
  return info;
}

/** Without a start adapter the reference is the base: a policy must not have another START. */
async function checkStart(client: PolicyClient, signal: AbortSignal): Promise<void> {
  const { address } = client;
  const all = await heldOf(client, "", signal);
  const start = all?.held.find(({ kind, runId }) => kind === "WEIGHTS_KIND_START" && runId === "");
  if (!start || start.sha256.length === 0) return;
  throw new InputError(
    `Policy ${address} has an adapter as its START, and this run starts from the base: ` +
      "set model.start_adapter to the policy's, or clear both",
  );
}

function checkLimit(field: string, value: number, limit: string, most: number, address: string) {
  if (most === 0 || value <= most) return;
  throw new InputError(
    `${field} is ${value}, policy ${address} takes at most ${most}: lower it, or raise policy.limits.${limit}`,
  );
}

async function checkReward(client: RewardClient, label: string | null, waiting: Waiting) {
  const { labels, defaultLabel } = await persist(
    "reward",
    client.address,
    waiting,
    () => client.getInfo({}, { signal: waiting.cancel }),
  );
  const wanted = label ?? defaultLabel;
  if (wanted !== "" && labels.includes(wanted)) return;
  throw new InputError(
    `Cannot score with label ${
      JSON.stringify(wanted)
    } (reward_label): reward ${client.address} has ${labels.map((name) => `"${name}"`).join(", ")}`,
  );
}
