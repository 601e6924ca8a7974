import { type evaluatorService, type evaluatorV1, type RpcClient, RpcError } from "@decorum/rpc";
import { startProgress } from "./progress.ts";

type EvaluatorClient = RpcClient<typeof evaluatorService>;

/** Names of the evaluation's phases as people read them. */
const phases: Readonly<Record<string, string>> = {
  EVALUATION_PHASE_GENERATE_BEFORE: "responses before",
  EVALUATION_PHASE_GENERATE_AFTER: "responses after",
  EVALUATION_PHASE_SCORE: "toxicity",
  EVALUATION_PHASE_JUDGE: "judge",
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

/** Times that an evaluation is begun anew, and seconds between two. */
const RETRIES = { most: 20, pause: 1 };

/**
 * As {@link evaluateWithProgress}, through restarts: an evaluator that is away is waited for, and a policy that
 * began anew gets its weights again.
 *
 * @param restore brings the weights to the policy
 */
export async function evaluatePersistently(
  evaluator: EvaluatorClient,
  request: evaluatorV1.EvaluateRequest,
  restore: () => Promise<void>,
): Promise<evaluatorV1.EvaluationResult__Output> {
  let lost = false;
  for (let tries = 0;; tries++) {
    try {
      if (lost) await restore();
      return await evaluateWithProgress(evaluator, request);
    } catch (error) {
      if (!(error instanceof RpcError) || tries === RETRIES.most) throw error;
      lost ||= error.code === "NOT_FOUND";
      if (!["NOT_FOUND", "UNAVAILABLE", "CANCELLED", "UNKNOWN"].includes(error.code)) throw error;
      console.error(`evaluate: again in ${RETRIES.pause} s, since: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * RETRIES.pause));
    }
  }
}
