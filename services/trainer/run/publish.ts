import { initValueHead } from "@decorum/models";
import type { Params } from "@decorum/optim";
import type { RunTools } from "./run_setup.ts";
import type { Stages } from "../stages.ts";
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
  { learner, policies, waiting }: RunTools,
  runId: string,
  { version, parameters }: Published,
  startHead: Params | undefined,
  stages: Stages,
): Promise<void> {
  const { lora } = learner.options;
  const { reference } = learner.state();
  // A policy always has a value head; one of zeros where none learns.
  const noHead = initValueHead(learner.config.hidden_size);
  const all = new Map([...parameters, ...learner.valueHead ? [] : noHead]);
  const image = weightsImage(runId, version, all, lora);
  const head = startHead ?? noHead;
  const start = reference && weightsImage(runId, 0, new Map([...reference, ...head]), lora);
  await stages.run("push", () => policies.publish(image, waiting, start));
}
