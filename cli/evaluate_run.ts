import { retry } from "@decorum/async";
import { isTransient } from "@decorum/fleet";
import { type evaluatorService, type evaluatorV1, type RpcClient, RpcError } from "@decorum/rpc";
import { startProgress } from "./progress.ts";

type EvaluatorClient = RpcClient<typeof evaluatorService>;

/** Names of the evaluation's phases as people read them. */
const phases: Readonly<Record<string, string>> = {
  EVALUATION_PHASE_GENERATE_BEFORE: "responses before",
  EVALUATION_PHASE_GENERATE_AFTER: "responses after",
  EVALUATION_PHASE_SCORE: "toxicity",
  EVALUATION_PHASE_JUDGE: "judge",
  EVALUATION_PHASE_REWARDS: "rewards",
};

/** Runs an evaluation with a progress bar for each phase. @throws Error when it ends without a result. */
export async function evaluateWithProgress(
  evaluator: EvaluatorClient,
  request: evaluatorV1.EvaluateRequest,
): Promise<evaluatorV1.EvaluationResult__Output> {
  let phase = "";
  let progress: ReturnType<typeof startProgress> | undefined;
  try {
    for await (const { progress: at, result } of evaluator.evaluate(request)) {
      if (result) return result;
      if (!at) continue;
      if (at.phase !== phase) {
        progress?.stop();
        progress = startProgress(`evaluate: ${phases[at.phase] ?? at.phase}`, at.total);
        phase = at.phase;
      }
      progress?.update(at.done, "");
    }
  } finally {
    progress?.stop();
  }
  throw new Error("The evaluator ended its stream without a result");
}

/** How often an evaluation is made again, after a second each. */
const AGAIN = { attempts: 21, backoff: { firstMs: 1000, longestMs: 1000 } };

/**
 * As {@link evaluateWithProgress}, through restarts: an evaluator that is away is waited for, and a policy that has
 * started again gets its weights.
 *
 * @param restore brings the weights to the policy
 */
export async function evaluatePersistently(
  evaluator: EvaluatorClient,
  request: evaluatorV1.EvaluateRequest,
  restore: () => Promise<void>,
): Promise<evaluatorV1.EvaluationResult__Output> {
  let lost = false;
  const evaluate = async () => {
    if (lost) await restore();
    return await evaluateWithProgress(evaluator, request);
  };
  return await retry(evaluate, {
    ...AGAIN,
    mayPass(error) {
      const notFound = error instanceof RpcError && error.code === "NOT_FOUND";
      lost ||= notFound;
      if (!notFound && !isTransient(error)) return false;
      console.error(`evaluate: trying again in 1 s: ${(error as Error).message}`);
      return true;
    },
  });
}
