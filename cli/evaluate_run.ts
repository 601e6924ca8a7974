import type { evaluatorService, evaluatorV1, RpcClient } from "@decorum/rpc";
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
