import { Channel } from "@decorum/async";
import { persist, policyFleet } from "@decorum/fleet";
import {
  type evaluatorService,
  type evaluatorV1,
  type Handlers,
  resourceExhausted,
  unavailable,
} from "@decorum/rpc";
import type { RewardCall, Terms } from "@decorum/rewards";
import { WorkerDiedError } from "@decorum/runtime";
import type { TextItem } from "@decorum/scoring";
import { callSecurity } from "@decorum/service";
import type { Logger, Metrics } from "@decorum/telemetry";
import type { EvaluatorConfig } from "@decorum/settings";
import { evaluate, type Evaluation, type EvaluationTools } from "./evaluation.ts";
import { parseEvaluation } from "./evaluation_request.ts";
import { describeImprovement } from "./statistics.ts";
import type { ToxicityScorer } from "./toxicity.ts";

/** Milliseconds after which a refused caller may come back. */
const BUSY_PUSHBACK_MS = 5000;
const RELOAD_PUSHBACK_MS = 500;

/** An evaluator whose models are loaded. */
export interface LoadedEvaluator {
  readonly toxicity: ToxicityScorer<TextItem>;
  readonly judge: EvaluationTools["judge"];
  /** Undefined: none are measured. */
  readonly terms: Terms | undefined;
}

export interface EvaluatorParts {
  readonly config: EvaluatorConfig;
  /** Settled when the models are loaded; calls that come before wait for it. */
  readonly loaded: Promise<LoadedEvaluator>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The evaluator's methods: proto to domain and back. */
export function evaluatorHandlers(
  { config, loaded, logger, metrics }: EvaluatorParts,
): Handlers<typeof evaluatorService> {
  const security = callSecurity(config, "evaluator", { logger, metrics });
  let running = 0;
  return {
    async *evaluate(request, { signal }) {
      const parsed = parseEvaluation(request, config);
      if (running >= config.limits.max_evaluations) {
        throw resourceExhausted(`${running} evaluations run; try again later`, BUSY_PUSHBACK_MS);
      }
      running++;
      // The caller may stop reading without cancelling the call.
      const over = new AbortController();
      const began = performance.now();
      let outcome: "finished" | "failed" = "failed";
      try {
        const { terms, ...models } = await loaded;
        using fleet = policyFleet({ addresses: config.policy, security, metrics });
        const say = (message: string) => logger.warn(message);
        const patienceMs = config.policy_wait_s * 1000;
        const policies = { fleet, waiting: { say, patienceMs }, models: new Map() };
        const ended = AbortSignal.any([signal, over.signal]);
        const waiting = { say, patienceMs, stop: ended, cancel: ended };
        const call: RewardCall = {
          ...{ signal: ended, say },
          persist: (address, call) => persist("reward", address, waiting, call),
        };
        yield* eventsOf<evaluatorV1.EvaluateResponse, evaluatorV1.EvaluateResponse>(
          async (report) => {
            const found = await evaluate(parsed, {
              ...models,
              policies,
              rewards: terms && { terms, call },
              groupSize: config.batch,
              signal: ended,
              logger,
              onProgress: ({ phase, done, total }) =>
                report({ progress: { phase: `EVALUATION_PHASE_${phase}`, done, total } }),
            });
            const seconds = (performance.now() - began) / 1000;
            outcome = "finished";
            tell(found, seconds, logger, metrics);
            return { result: resultOf(found, seconds) };
          },
        );
      } catch (error) {
        if (!(error instanceof WorkerDiedError)) throw error;
        logger.error("the classifier's thread ended; it is loaded again", { error });
        throw unavailable("the classifier is loaded again", RELOAD_PUSHBACK_MS);
      } finally {
        over.abort();
        running--;
        const seconds = (performance.now() - began) / 1000;
        metrics.observe("decorum_evaluation_duration_seconds", seconds, { outcome });
      }
    },
  };
}

/** The events that a piece of work reports while it runs, then its result. */
async function* eventsOf<E, R>(
  work: (report: (event: E) => void) => Promise<R>,
): AsyncGenerator<E | R, void> {
  const events = new Channel<E>();
  const outcome = work((event) => events.send(event)).finally(() => events.end());
  outcome.catch(() => {});
  for await (const some of events) yield* some;
  yield await outcome;
}

function resultOf(found: Evaluation, seconds: number): evaluatorV1.EvaluationResult {
  const { judge, rouge, rewards, reward, samples, toxicityBefore, toxicityAfter, ...rest } = found;
  return {
    ...rest,
    ...(judge === undefined ? {} : { judge }),
    ...(rouge === undefined ? {} : { rouge }),
    rewards: [...rewards],
    ...(reward === undefined ? {} : { reward }),
    samples: [...samples],
    toxicityBefore: [...toxicityBefore],
    toxicityAfter: [...toxicityAfter],
    seconds,
  };
}

function tell(found: Evaluation, seconds: number, logger: Logger, metrics: Metrics): void {
  const sides = [["reward", found.toxicity], ["judge", found.judge]] as const;
  for (const [by, comparison] of sides) {
    if (comparison === undefined) continue;
    for (const side of ["before", "after"] as const) {
      metrics.set("decorum_evaluation_toxicity", comparison[side].mean, { by, side });
    }
  }
  const means = [
    ["rouge_l", found.rouge?.rougeL],
    ["distinct_1", found.distinct1],
    ["distinct_2", found.distinct2],
    ["response_tokens", { before: found.lengthBefore.mean, after: found.lengthAfter.mean }],
  ] as const;
  for (const [name, mean] of means) {
    for (const side of ["before", "after"] as const) {
      const value = mean?.[side];
      if (value !== undefined) {
        metrics.set("decorum_evaluation_statistic", Number(value), { name, side });
      }
    }
  }
  metrics.set("decorum_evaluation_kl_nats", found.kl, {});
  logger.info("evaluated", {
    prompts: found.toxicity.n,
    toxicity: describeImprovement(found.toxicity.improvementPct),
    judge: found.judge && describeImprovement(found.judge.improvementPct),
    rewards: Object.fromEntries(found.rewards.map(({ name, difference }) => [name, difference])),
    kl: found.kl,
    seconds,
    samples: logger.texts ? found.samples : undefined,
  });
}
