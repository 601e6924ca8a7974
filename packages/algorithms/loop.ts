import type { Params } from "@decorum/optim";
import { randomKey, uniforms } from "@decorum/tensor";
import { type DataOrder, groupByLength, type Tokenizer } from "@decorum/text";
import type { Algorithm } from "./algorithm.ts";
import {
  firstState,
  type Learned,
  type Learning,
  type LearnState,
  type ScoredBatch,
} from "./learn.ts";
import type { LoopSettings } from "./settings.ts";
import { type StageRunner, unwatched } from "./stages.ts";

/** A prompt to train on. */
export interface Prompt {
  /** As the reward sees it. */
  readonly text: string;
  /** With the tokenizer's special tokens. */
  readonly ids: readonly number[];
  /** A human text that answers it, where the data has one. */
  readonly reference?: string;
  /** The row of the data that it was made of. */
  readonly row?: Readonly<Record<string, unknown>>;
}

/** One prompt to complete. */
export interface GenerationRequest {
  /** Decides the draws, together with the run's seed. */
  readonly key: string;
  readonly ids: readonly number[];
  readonly maxNewTokens: number;
}

/** How responses are drawn. */
export interface GenerationSettings {
  readonly sampling: Pick<
    LoopSettings,
    "temperature" | "top_k" | "top_p" | "min_new_tokens" | "max_new_tokens"
  >;
  readonly seed: number;
  /** Asks for the value head's predictions too. */
  readonly values: boolean;
  /** A prompt that stands in a group several times is encoded once. */
  readonly sharePrompts: boolean;
}

/** What a policy made of one prompt; arrays are parallel. */
export interface Rollout {
  /** Token ids, eos included where there is one. */
  readonly response: readonly number[];
  readonly logprobs: Float32Array;
  /** Empty where none were asked for. */
  readonly values: Float32Array;
  /** Whether the response ended by itself. */
  readonly hasEos: boolean;
}

/** A policy that generates: in this process, or services. */
export interface Policy {
  /** Completes groups of prompts, each as one padded batch. @returns results in the order of the groups */
  generate(
    groups: readonly (readonly GenerationRequest[])[],
    settings: GenerationSettings,
  ): Promise<readonly (readonly Rollout[])[]>;
  /** Takes the learner's parameters: what it generates next comes from them. @param step steps done */
  update(parameters: Params, step: number): Promise<void>;
}

/** A response to score, and what it answers. */
export interface ScoredPair {
  readonly prompt: Prompt;
  readonly response: string;
}

/** The responses of a step. */
export interface ResponseBatch {
  /** Responses to a prompt follow each other. */
  readonly pairs: readonly ScoredPair[];
  /** Places of pairs that are scored as one padded batch. */
  readonly groups: readonly (readonly number[])[];
  /** Responses to a prompt. */
  readonly responses: number;
}

/** What a response is worth. */
export interface Score {
  readonly score: number;
}

/** Rewards that score: a function or a classifier in this process, or services. */
export interface Rewards<S extends Score = Score> {
  /** @returns a result for each pair, in order, and what decides them, as a text that changes when they may */
  score(batch: ResponseBatch): Promise<{
    readonly results: readonly S[];
    readonly version: string;
  }>;
}

/** What the batches of a run are gathered with. */
export interface GatherTools<S extends Score = Score> {
  readonly policy: Pick<Policy, "generate">;
  readonly rewards: Rewards<S>;
  readonly prompts: readonly Prompt[];
  readonly order: DataOrder;
  readonly tokenizer: Pick<Tokenizer, "decode" | "idToToken">;
  readonly learning: { readonly algorithm: Algorithm };
  readonly seed: number;
  /** Prompts of a padded batch. */
  readonly groupSize: number;
}

/** Prompts of a step, the responses to them, and what they are worth; all lists are parallel. */
export interface Gathered<S extends Score = Score> extends ScoredBatch {
  readonly prompts: readonly Prompt[];
  readonly rollouts: readonly Rollout[];
  /** As text. */
  readonly responses: readonly string[];
  readonly scored: readonly S[];
  /** See {@link Rewards}. */
  readonly rewardVersion: string;
}

/** Prompts, rollouts and scores of a step. It changes nothing, so it can be done again. */
export async function gather<S extends Score>(
  tools: GatherTools<S>,
  step: number,
  stage: StageRunner = unwatched,
): Promise<Gathered<S>> {
  const { policy, rewards, seed, tokenizer } = tools;
  const { settings: sampling, responses: times, ...algorithm } = tools.learning.algorithm;
  const { valueHead: values, sharePrompts } = algorithm;

  // 1. Prompts: batch `step` of the shuffled data, each as often as it is responded to, in groups of like length.
  const { prompts, groups, requests } = await stage("prompts", () => promptsOf(tools, step));

  // 2. Rollouts under the newest weights.
  const rollouts = inBatchOrder(
    groups,
    await stage(
      "rollout",
      () => policy.generate(requests, { sampling, seed, values, sharePrompts }),
    ),
  );
  const responses = rollouts.map(({ response }) => textOf(response, tokenizer));

  // 3. Scores.
  const pairs = prompts.map((prompt, i) => ({ prompt, response: responses[i]! }));
  const batch = { pairs, groups, responses: times };
  const { results, version } = await stage("score", () => rewards.score(batch));
  return {
    ...{ prompts, rollouts, responses, scored: results, rewardVersion: version },
    sequences: prompts.map(({ ids }, i) => ({ query: ids, response: rollouts[i]!.response })),
    scores: results.map(({ score }) => score),
    hasEos: rollouts.map(({ hasEos }) => hasEos),
  };
}

function promptsOf(
  { order, prompts: all, learning: { algorithm }, seed, groupSize }: GatherTools,
  step: number,
) {
  const { settings, responses, sharePrompts } = algorithm;
  const prompts = order.batchAt(step, settings.batch_size / responses)
    .flatMap((row) => Array<Prompt>(responses).fill(all[row]!));
  const limits = responseLimits(settings, seed, step);
  const lengths = prompts.map(({ ids }) => ids.length);
  const groups = sharePrompts
    ? groupsOfPrompts(lengths, responses, groupSize)
    : groupByLength(lengths, groupSize);
  const requests = groups.map((group) =>
    group.map((i) => ({ key: `${step}/${i}`, ids: prompts[i]!.ids, maxNewTokens: limits[i]! }))
  );
  return { prompts, groups, requests };
}

/** As `groupByLength`, with all responses to a prompt in one group unless they are more than `size`. */
function groupsOfPrompts(lengths: readonly number[], responses: number, size: number): number[][] {
  const firsts = lengths.filter((_, i) => i % responses === 0);
  return groupByLength(firsts, Math.max(1, Math.floor(size / responses))).flatMap((group) => {
    const places = group.flatMap((p) =>
      Array.from({ length: responses }, (_, r) => p * responses + r)
    );
    const most = Math.ceil(places.length / Math.ceil(places.length / size));
    const starts = places.flatMap((_, at) => at % most === 0 ? [at] : []);
    return starts.map((start) => places.slice(start, start + most));
  });
}

/** Most new tokens of every response of a step; as TRL's `LengthSampler` where there is a range. */
export function responseLimits(
  { length_sampler: range, batch_size: count, max_new_tokens: max }: LoopSettings,
  seed: number,
  step: number,
): number[] {
  if (range === null) return Array<number>(count).fill(max);
  const drawn = uniforms(randomKey(seed, "response length", step), 0, count);
  return Array.from(drawn, (uniform) => range.min + Math.floor(uniform * (range.max - range.min)));
}

/** Text without special tokens. T5 has more embeddings than its tokenizer has words: such ids have no text. */
function textOf(ids: readonly number[], tokenizer: GatherTools["tokenizer"]): string {
  const known = ids.filter((id) => tokenizer.idToToken(id) !== undefined);
  return tokenizer.decode(known, { skipSpecialTokens: true });
}

/** What lies group by group, in the order of the batch. */
function inBatchOrder<T>(
  groups: readonly (readonly number[])[],
  values: readonly (readonly T[])[],
): T[] {
  const ordered: T[] = [];
  groups.forEach((group, g) => group.forEach((i, at) => (ordered[i] = values[g]![at]!)));
  return ordered;
}

/** What a run is made of. */
export interface TrainTools<S extends Score = Score> extends GatherTools<S> {
  readonly learning: Learning;
  readonly policy: Policy;
  /** Runs the parts of a step; by default they are just run. */
  readonly stage?: StageRunner;
}

/** A step of a run. */
export interface TrainStep<S extends Score = Score> extends Learned {
  readonly batch: Gathered<S>;
}

/** The loop: prompts, responses, scores, learning, new weights; until `settings.steps`. */
export async function* train<S extends Score>(
  tools: TrainTools<S>,
  start: LearnState = firstState(tools.learning.algorithm),
): AsyncGenerator<TrainStep<S>> {
  const { learning, policy, stage = unwatched } = tools;
  const update = (step: number) =>
    stage("push", () => policy.update(learning.learner.state().train.params, step));
  let state = start;
  await update(state.step);
  while (state.step < learning.algorithm.settings.steps) {
    const batch = await gather(tools, state.step, stage);
    const learned = await learning.learn(batch, state, { stage });
    ({ state } = learned);
    await update(state.step);
    yield { ...learned, batch };
  }
}
