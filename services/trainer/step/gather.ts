import { gather as gatherBatch, type Gathered as GatheredBatch } from "@decorum/algorithms";
import { groupSizeOf, settingsOf } from "@decorum/settings";
import { rollout } from "./rollout.ts";
import { type Scored, scoreGroups } from "./scores.ts";
import type { Stages } from "../stages.ts";
import type { StepTools } from "./step.ts";

/** Prompts of a step, the responses to them, and what the reward model says; all lists are parallel. */
export type Gathered = GatheredBatch<Scored>;

/** Prompts, rollouts on whichever policies are free, and scores of a step, on live services. */
export async function gather(tools: StepTools, step: number, stages: Stages): Promise<Gathered> {
  const { config, policies, reward, waiting, learning } = tools;
  const { seed, reward_input: input, reward_label: label } = config;
  return await gatherBatch<Scored>(
    {
      ...tools,
      policy: { generate: (groups, settings) => rollout(policies, groups, settings, waiting) },
      rewards: { score: (groups) => scoreGroups(reward, groups, { input, label }, waiting) },
      settings: settingsOf(config),
      responses: groupSizeOf(config),
      seed,
      values: learning.algorithm.valueHead,
      groupSize: config.rollout.group_size,
    },
    step,
    stages.part,
  );
}
