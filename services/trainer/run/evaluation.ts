import { persist, type Waiting } from "@decorum/fleet";
import { type evaluatorService, type evaluatorV1, type RpcClient, RpcError } from "@decorum/rpc";
import type { Metrics } from "@decorum/runs";
import type { Stages } from "../step/stages.ts";
import { samplingOf } from "../step/rollout.ts";
import type { HeldOutPrompt } from "./prompts.ts";
import type { RunTools } from "./run_tools.ts";

/** A client of the evaluator. */
export type EvaluatorClient = RpcClient<typeof evaluatorService>;

/** Prompts of which both responses are recorded. */
const SAMPLES = 8;
/** How often weights are pushed again in one evaluation, because a policy has lost them. */
const MOST_LOSSES = 3;

/** Whether a step is one of those after which the policy is measured. */
export function evaluationDue(
  { config, learning }: Pick<RunTools, "config" | "learning">,
  step: number,
): boolean {
  const { every_steps: every } = config.evaluate;
  const { steps } = learning.algorithm.settings;
  return every > 0 && step > 0 && (step % every === 0 || step === steps);
}

/**
 * Has the weights of a step measured against the reference on held-out prompts. An evaluator that is away is waited
 * for; a policy that has lost the weights gets them again.
 *
 * @throws Error when the evaluator's stream ends without a result; else as `persist`
 */
export async function measure(
  { config, learning, evaluator, policies, waiting }: RunTools,
  runId: string,
  step: number,
  prompts: readonly HeldOutPrompt[],
  stages: Stages,
): Promise<evaluatorV1.EvaluationResult__Output> {
  if (!evaluator) throw new Error("internal: an evaluation is due, and there is no evaluator");
  const request: evaluatorV1.EvaluateRequest = {
    prompts: [...prompts],
    sampling: samplingOf(learning.algorithm.settings),
    seed: config.seed,
    before: { kind: "WEIGHTS_KIND_START", runId },
    after: { kind: "WEIGHTS_KIND_VERSION", runId, version: step + 1 },
    samples: SAMPLES,
  };
  for (let losses = 0;; losses++) {
    try {
      return await stages.run("evaluate", () => evaluate(evaluator, request, waiting));
    } catch (error) {
      // A policy that started again while it was measured knows nothing of the run.
      const lost = error instanceof RpcError &&
        (error.code === "NOT_FOUND" || error.code === "FAILED_PRECONDITION");
      if (!lost || losses === MOST_LOSSES) throw error;
      waiting.say(`pushing the weights again, since the evaluator says: ${error.details}`);
      await stages.run("push", () => policies.restore(waiting));
    }
  }
}

async function evaluate(
  client: EvaluatorClient,
  request: evaluatorV1.EvaluateRequest,
  waiting: Waiting,
): Promise<evaluatorV1.EvaluationResult__Output> {
  return await persist("evaluator", client.address, waiting, async () => {
    let last: evaluatorV1.EvaluationResult__Output | null | undefined;
    for await (const { result } of client.evaluate(request, { signal: waiting.cancel })) {
      last = result;
    }
    if (last) return last;
    throw new Error(`Evaluator ${client.address} ended without a result: its log has the cause`);
  });
}

/** The numbers of a result as `eval/*`, but for its wall time. */
export function evaluationMetrics(result: evaluatorV1.EvaluationResult__Output): Metrics {
  const metrics: Record<string, number> = { "eval/kl": result.kl };
  const put = (name: string, value: number | undefined) => {
    if (value !== undefined) metrics[`eval/${name}`] = value;
  };
  const { toxicity, toxicityWithQuery, judge } = result;
  for (
    const [name, t] of Object.entries({ toxicity, toxicity_with_query: toxicityWithQuery, judge })
  ) {
    put(`${name}_before`, t?.before?.mean);
    put(`${name}_after`, t?.after?.mean);
    put(`${name}_improvement_pct`, t?.improvementPct);
  }
  for (const { name, before, after } of result.rewards) {
    put(`rewards/${name}/before`, before?.mean);
    put(`rewards/${name}/after`, after?.mean);
  }
  put("reward_before", result.reward?.before?.mean);
  put("reward_after", result.reward?.after?.mean);
  put("rouge_l_before", result.rouge?.rougeL?.before);
  put("rouge_l_after", result.rouge?.rougeL?.after);
  put("distinct2_before", result.distinct2?.before);
  put("distinct2_after", result.distinct2?.after);
  put("length_before", result.lengthBefore?.mean);
  put("length_after", result.lengthAfter?.mean);
  return metrics;
}
