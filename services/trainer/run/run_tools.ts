import { type Algorithm, firstState, Learning } from "@decorum/algorithms";
import {
  heldOf,
  Learners,
  Policies,
  type PolicyClient,
  type Waiting,
  weightsImage,
} from "@decorum/fleet";
import { baseModelHash, initValueHead } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { createClient, evaluatorService, type policyV1, rewardService } from "@decorum/rpc";
import { Terms } from "@decorum/rewards";
import { callSecurity } from "@decorum/service";
import { type CallConfig, rewardTermsOf, type TrainerConfig } from "@decorum/settings";
import type { OpenRunner } from "@decorum/learning";
import { arithmeticOf } from "@decorum/runtime";
import type { Logger, Metrics } from "@decorum/telemetry";
import { InputError, type Precision } from "@decorum/tensor";
import { dataOrder } from "@decorum/text";
import { rewardCall } from "../step/batches.ts";
import type { Stages } from "../step/stages.ts";
import type { Progress, StepTools } from "../step/step.ts";
import type { EvaluatorClient } from "./evaluation.ts";
import { checkPromptLengths } from "./prompts.ts";
import type { RunInputs } from "./run_inputs.ts";

/** Where a run's services are, and what it runs on; not a part of its configuration. */
export type Surroundings = Pick<
  TrainerConfig,
  | keyof CallConfig
  | "policy"
  | "reward"
  | "evaluator"
  | "learners"
  | "learner_deadline_s"
  | "allow_different_learners"
  | "provider"
  | "threads"
>;

/** Everything a run works with; released at its end. */
export interface RunTools extends StepTools, AsyncDisposable {
  readonly evaluator: EvaluatorClient | undefined;
  readonly learner: Learning["learner"];
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
  { runId, logger, metrics, folder }: {
    readonly runId: string;
    readonly logger: Logger;
    readonly metrics: Metrics;
    /** The run's own. */
    readonly folder: string;
  },
): Promise<RunTools> {
  const { config, algorithm, sources, tokenizer, prompts, lora, start } = inputs;
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
  const clientOf = (service: string | null) => {
    const address = service ?? surroundings.reward;
    return opened.use(createClient(rewardService, { ...security("reward"), metrics, address }));
  };
  const terms = opened.use(
    Terms.open(rewardTermsOf(config), { clientOf, groupSize: config.rollout.group_size, folder }),
  );
  const evaluator = surroundings.evaluator === null ? undefined : opened.use(
    createClient(evaluatorService, {
      ...security("evaluator"),
      metrics,
      address: surroundings.evaluator,
    }),
  );
  await policies.check(waiting);
  await terms.check(rewardCall(waiting));
  const { provider, threads, learners } = surroundings;
  const openRunner: OpenRunner = async (graphs, runtime) =>
    await Learners.open(graphs, {
      ...{ addresses: learners, security, metrics, runId, baseModelHash: hash, waiting },
      arithmetic: await arithmeticOf(runtime),
      allowDifferent: surroundings.allow_different_learners,
      deadlineMs: surroundings.learner_deadline_s * 1000,
    });
  const learning = opened.use(
    await Learning.open(algorithm, {
      model: sources.model,
      lora,
      start,
      seed: config.seed,
      runtime: {
        executionProvider: provider,
        precision: config.model.precision,
        ...(threads > 0 ? { intraOpThreads: threads } : {}),
      },
      openRunner: learners.length > 0 ? openRunner : undefined,
      policyPrecision: precision,
    }),
  );
  const all = opened.move();
  return {
    config,
    learning,
    learner: learning.learner,
    policies,
    terms,
    evaluator,
    prompts: prompts.train,
    order: dataOrder(prompts.train.length, config.seed),
    tokenizer,
    waiting,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What a run knows before its first step. */
export function firstProgress(algorithm: Algorithm): Progress {
  return { ...firstState(algorithm), rewardVersion: "" };
}

/**
 * Brings weights to all policies, and START where training began from an adapter.
 *
 * @param startHead the start adapter's value head; zeros where it has none
 * @param parameters adapter, and value head where one learns; by default the learner's as they are now
 * @throws StoppedError when the wait for a policy is ended
 */
export async function publish(
  { learner, policies, waiting }: RunTools,
  runId: string,
  version: number,
  startHead: Params | undefined,
  stages: Stages,
  parameters: Params = learner.params,
): Promise<void> {
  const { lora } = learner.options;
  const { reference } = learner.state();
  // A policy always has a value head; one of zeros where none learns.
  const noHead = initValueHead(learner.config.hidden_size);
  const all = new Map([...parameters, ...learner.valueHead ? [] : noHead]);
  const image = weightsImage(runId, version, all, lora);
  const head = startHead ?? noHead;
  const start = reference && weightsImage(runId, 0, new Map([...reference, ...head]), lora);
  await stages.part("push", () => policies.publish(image, waiting, start));
}

/** Whether a run can use a policy. @throws RpcError when it does not answer; Error, InputError naming what does not fit */
async function checkPolicy(
  client: PolicyClient,
  { config, algorithm, prompts, start }: RunInputs,
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
  if (algorithm.sharePrompts && !info.sharesPrompts) {
    throw new InputError(
      `Policy ${address} is of a version that cannot share prompts, and ${config.algorithm}.share_prompts is true: ` +
        "run the trainer's version there, or start runs with false",
    );
  }
  if (!start) await checkStart(client, signal);
  const { limits } = info;
  if (!limits) return info;
  const source = `limits.max_prompt_tokens of policy ${address}`;
  if (limits.maxPromptTokens > 0) checkPromptLengths(prompts.train, limits.maxPromptTokens, source);
  const { length_sampler: lengths, max_new_tokens: most } = algorithm.settings;
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
