import type { evaluatorService, evaluatorV1, policyV1, RpcClient } from "@decorum/rpc";
import type { HeldOutPrompt } from "../step/prompts.ts";
import type { Metrics } from "@decorum/runs";
import { persist, type Waiting } from "@decorum/fleet";

/** A client of the evaluator. */
export type EvaluatorClient = RpcClient<typeof evaluatorService>;

export interface EvaluationSettings {
  readonly runId: string;
  readonly version: number;
  readonly prompts: readonly HeldOutPrompt[];
  readonly sampling: policyV1.SamplingParameters;
  readonly seed: number;
}

/** Prompts of which both responses are recorded. */
const SAMPLES = 8;

/**
 * Measures a version against the reference on held-out prompts; waits for an evaluator that is away.
 *
 * @throws Error when the stream ends without a result
 */
export async function evaluate(
  client: EvaluatorClient,
  { runId, version, prompts, sampling, seed }: EvaluationSettings,
  waiting: Waiting,
): Promise<evaluatorV1.EvaluationResult__Output> {
  const request: evaluatorV1.EvaluateRequest = {
    prompts: [...prompts],
    sampling,
    seed,
    before: { kind: "WEIGHTS_KIND_START", runId },
    after: { kind: "WEIGHTS_KIND_VERSION", runId, version },
    samples: SAMPLES,
  };
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
  put("rouge_l_before", result.rouge?.rougeL?.before);
  put("rouge_l_after", result.rouge?.rougeL?.after);
  put("distinct2_before", result.distinct2?.before);
  put("distinct2_after", result.distinct2?.after);
  put("length_before", result.lengthBefore?.mean);
  put("length_after", result.lengthAfter?.mean);
  return metrics;
}
