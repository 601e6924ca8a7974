import { initValueHead } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { type evaluatorV1, RpcError } from "@decorum/rpc";
import { evaluate } from "./evaluation.ts";
import type { HeldOutPrompt } from "../step/prompts.ts";
import { loraConfigOf, type RunConfig, settingsOf } from "@decorum/settings";
import type { RunTools } from "./run_setup.ts";
import type { Stages } from "../stages.ts";
import { samplingOf } from "../step/gather.ts";
import { weightsImage } from "@decorum/fleet";

/** What is published. */
export interface Published {
  readonly version: number;
  /** Adapter, and value head where one learns. */
  readonly parameters: Params;
}

/**
 * Brings weights to all policies, and START where training began from an adapter.
 *
 * @param startHead the start adapter's value head; zeros where it has none
 * @throws StoppedError when the wait for a policy is ended
 */
export async function publish(
  { config, learner, policies, waiting }: RunTools,
  runId: string,
  { version, parameters }: Published,
  startHead: Params | undefined,
  stages: Stages,
): Promise<void> {
  const lora = loraConfigOf(config);
  const { reference } = learner.state();
  // A policy always has a value head; one of zeros where none learns.
  const noHead = initValueHead(learner.config.hidden_size);
  const all = new Map([...parameters, ...learner.valueHead ? [] : noHead]);
  const image = weightsImage(runId, version, all, lora);
  const head = startHead ?? noHead;
  const start = reference && weightsImage(runId, 0, new Map([...reference, ...head]), lora);
  await stages.run("push", () => policies.publish(image, waiting, start));
}

/** Whether a step is one of those after which the policy is measured. */
export function evaluationDue(config: RunConfig, step: number): boolean {
  const { every_steps: every } = config.evaluate;
  return every > 0 && step > 0 && (step % every === 0 || step === settingsOf(config).steps);
}

/** Times that an evaluation is begun anew since a policy had lost the weights. */
const MAX_LOST = 3;

/** Has the weights of a step measured against the reference. */
export async function measure(
  { config, evaluator, policies, waiting }: RunTools,
  runId: string,
  step: number,
  prompts: readonly HeldOutPrompt[],
  stages: Stages,
): Promise<evaluatorV1.EvaluationResult__Output> {
  if (!evaluator) throw new Error("internal: an evaluation is due, and there is no evaluator");
  const settings = {
    runId,
    version: step + 1,
    prompts,
    sampling: samplingOf(settingsOf(config)),
    seed: config.seed,
  };
  for (let lost = 0;; lost++) {
    try {
      return await stages.run("evaluate", () => evaluate(evaluator, settings, waiting));
    } catch (error) {
      // A policy that began anew while it was measured knows nothing of the run.
      const forgot = error instanceof RpcError &&
        (error.code === "NOT_FOUND" || error.code === "FAILED_PRECONDITION");
      if (!forgot || lost === MAX_LOST) throw error;
      waiting.say(`pushing the weights again, since the evaluator says: ${error.details}`);
      await stages.run("push", () => policies.restore(waiting));
    }
  }
}
