import { sampleLength } from "@decorum/algorithms";
import type { policyV1 } from "@decorum/rpc";
import { randomKey, uniforms } from "@decorum/tensor";
import { groupByLength, type Tokenizer } from "@decorum/text";
import { groupSizeOf, type LoopConfig, settingsOf } from "@decorum/settings";
import type { TrainingPrompt } from "./prompts.ts";
import { type Rollout, rollout } from "./rollout.ts";
import { type Scored, scoreGroups } from "./scores.ts";
import type { Stages } from "../stages.ts";
import type { StepTools } from "./step.ts";

/** Prompts of a step, the responses to them, and what the reward model says; all lists are parallel. */
export interface Gathered {
  readonly prompts: readonly TrainingPrompt[];
  readonly rollouts: readonly Rollout[];
  /** As text. */
  readonly responses: readonly string[];
  readonly judged: readonly Scored[];
  /** Version of the classifier. */
  readonly rewardVersion: string;
}

/** Stages 1 to 3 of a step, on live services. It changes nothing, so it can be done again. */
export async function gather(tools: StepTools, step: number, stages: Stages): Promise<Gathered> {
  const { config, policies, waiting, tokenizer } = tools;
  const { algorithm, seed } = config;

  // 1. Prompts: batch `step` of the shuffled data, each as often as it is responded to, in groups of like length.
  const { batch, groups, requests } = await stages.run("prompts", () => promptsOf(tools, step));

  // 2. Rollouts under the newest weights, on whichever policies are free.
  const sampling = samplingOf(settingsOf(config));
  const settings = { sampling, seed, values: algorithm === "ppo" };
  const rollouts = inBatchOrder(
    groups,
    await stages.run("rollout", () => rollout(policies, requests, settings, waiting)),
  );
  const responses = rollouts.map(({ response }) => textOf(response, tokenizer));

  // 3. Scores: raw logits of the reward model's label.
  const pairs = groups.map((group) =>
    group.map((i) => ({ query: batch[i]!.text, response: responses[i]! }))
  );
  const scoring = { input: config.reward_input, label: config.reward_label };
  const { results, modelVersion } = await stages.run(
    "score",
    () => scoreGroups(tools.reward, pairs, scoring, waiting),
  );
  const judged = inBatchOrder(groups, results);
  return { prompts: batch, rollouts, responses, judged, rewardVersion: modelVersion };
}

/** Stage 1. */
function promptsOf({ config, order, prompts }: StepTools, step: number) {
  const { seed, rollout: { group_size: size } } = config;
  const loop = settingsOf(config);
  const times = groupSizeOf(config);
  const batch = order.batchAt(step, loop.batch_size / times)
    .flatMap((row) => Array<TrainingPrompt>(times).fill(prompts[row]!));
  const limits = responseLimits(loop, seed, step);
  const groups = groupByLength(batch.map(({ ids }) => ids.length), size);
  const requests = groups.map((group) =>
    group.map((i) => ({ key: `${step}/${i}`, ids: batch[i]!.ids, maxNewTokens: limits[i]! }))
  );
  return { batch, groups, requests };
}

/** How responses are drawn, on the wire. */
export function samplingOf(settings: LoopConfig): policyV1.SamplingParameters {
  return {
    doSample: true,
    temperature: settings.temperature,
    topK: settings.top_k,
    topP: settings.top_p,
    minNewTokens: settings.min_new_tokens,
    maxNewTokens: settings.max_new_tokens,
  };
}

/** Most new tokens of every sequence of a step. */
export function responseLimits(settings: LoopConfig, seed: number, step: number): number[] {
  const { length_sampler: range, batch_size: batchSize, max_new_tokens: max } = settings;
  if (range === null) return Array(batchSize).fill(max);
  const drawn = uniforms(randomKey(seed, "response length", step), 0, batchSize);
  return Array.from(drawn, (uniform) => sampleLength(range, uniform));
}

/** Text without special tokens. T5 has more embeddings than its tokenizer has words: such ids have no text. */
function textOf(ids: readonly number[], tokenizer: Tokenizer): string {
  const known = ids.filter((id) => tokenizer.idToToken(id) !== undefined);
  return tokenizer.decode(known, { skipSpecialTokens: true });
}

/** What lies group by group, in the order of the batch. */
function inBatchOrder<T>(groups: readonly (readonly number[])[], values: readonly T[][]): T[] {
  const ordered: T[] = [];
  groups.forEach((group, g) => group.forEach((i, at) => (ordered[i] = values[g]![at]!)));
  return ordered;
}
