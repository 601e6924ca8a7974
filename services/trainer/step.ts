import { sampleLength } from "@decorum/ppo";
import type { policyV1 } from "@decorum/rpc";
import { randomKey, uniforms } from "@decorum/tensor";
import type { DataOrder, Tokenizer } from "@decorum/text";
import type { Algorithm, Learned } from "./algorithm.ts";
import type { LoopConfig } from "./algorithm_config.ts";
import type { Progress } from "./checkpoint.ts";
import type { Policies } from "./policies.ts";
import type { TrainingPrompt } from "./prompts.ts";
import { type Rollout, rollout, rolloutGroups } from "./rollout.ts";
import { groupSizeOf, type RunConfig, settingsOf } from "./run_config.ts";
import type { Metrics, SampleRow } from "./run_store.ts";
import { shapeScores } from "./score_shaping.ts";
import { type RewardClient, scoreGroups } from "./scores.ts";
import type { Stages } from "./stages.ts";
import type { Waiting } from "./waiting.ts";

/** What steps are taken with. */
export interface StepTools {
  readonly config: RunConfig;
  readonly algorithm: Algorithm;
  readonly policies: Policies;
  readonly reward: RewardClient;
  readonly prompts: readonly TrainingPrompt[];
  readonly order: DataOrder;
  readonly tokenizer: Tokenizer;
  readonly waiting: Waiting;
}

/** What a step made. */
export interface StepOutcome {
  readonly progress: Progress;
  readonly metrics: Metrics;
  readonly samples: readonly SampleRow[];
  /** What people should know: predictions made anew, updates that were skipped. */
  readonly notes: readonly string[];
}

/** Prompts of a step of which a response is recorded. */
const SAMPLES = 4;

/**
 * One step of PPO, GRPO or RLOO on live services, from `progress` to the next. Until stage 5 nothing is changed, so a step
 * that is stopped before it can be taken again.
 */
export async function takeStep(
  tools: StepTools,
  progress: Progress,
  stages: Stages,
): Promise<StepOutcome> {
  const { config, policies, waiting, tokenizer } = tools;
  const { algorithm, seed } = config;
  const loop = settingsOf(config);
  const { step } = progress;
  const started = performance.now();

  // 1. Prompts: batch `step` of the shuffled data, each as often as it is responded to, in groups of like length.
  const { batch, groups, requests } = await stages.run("prompts", () => promptsOf(tools, step));

  // 2. Rollouts under the newest weights, on whichever policies are free.
  const settings = { sampling: samplingOf(loop), seed, values: algorithm === "ppo" };
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
  const scored = await stages.run(
    "score",
    () => scoreGroups(tools.reward, pairs, scoring, waiting),
  );
  const judged = inBatchOrder(groups, scored.results);
  const envRewards = judged.map(({ score }) => config.constant_score ?? score);

  // 4. Shaped scores: scaling, clipping, the penalty for responses without end.
  const hasEos = rollouts.map((r) => r.hasEos);
  const shaped = shapeScores(envRewards, hasEos, progress.moments, loop);

  // 5. Advantages and the epochs of mini-batches, as the algorithm has them.
  const sequences = batch.map(({ ids }, i) => ({ query: ids, response: rollouts[i]!.response }));
  const scoredBatch = { sequences, rollout: rollouts, envRewards, scores: shaped.scores };
  const result = await tools.algorithm.learn(scoredBatch, progress, stages);

  // 6. Metrics.
  const tokens = rollouts.reduce((sum, { response }) => sum + response.length, 0);
  const seconds = (performance.now() - started) / 1000;
  return {
    progress: {
      step: step + 1,
      klController: result.klController,
      moments: shaped.moments,
      rewardVersion: scored.modelVersion,
    },
    metrics: {
      ...result.stats,
      ...stepExtras(result, rollouts),
      "env/toxicity": judged.reduce((sum, j) => sum + j.otherProbability, 0) / judged.length,
      ...stages.times(),
      "time/step": seconds,
      "time/tokens_per_second": tokens / seconds,
      "rollout/tokens": tokens,
    },
    samples: samplesOf(batch, responses, envRewards, groupSizeOf(config)),
    notes: notesOf(result, progress, scored.modelVersion),
  };
}

/** Stage 1. */
function promptsOf({ config, order, prompts }: StepTools, step: number) {
  const { seed, rollout: { group_size: size } } = config;
  const loop = settingsOf(config);
  const times = groupSizeOf(config);
  const batch = order.batchAt(step, loop.batch_size / times)
    .flatMap((row) => Array<TrainingPrompt>(times).fill(prompts[row]!));
  const limits = responseLimits(loop, seed, step);
  const groups = rolloutGroups(batch.map(({ ids }) => ids.length), size);
  const requests = groups.map((group) =>
    group.map((i) => ({ key: `${step}/${i}`, ids: batch[i]!.ids, maxNewTokens: limits[i]! }))
  );
  return { batch, groups, requests };
}

/** The first response to each of the first prompts. */
function samplesOf(
  batch: readonly TrainingPrompt[],
  responses: readonly string[],
  scores: readonly number[],
  times: number,
): SampleRow[] {
  const firsts = batch.flatMap((_, i) => i % times === 0 ? [i] : []);
  return firsts.slice(0, SAMPLES).map((i) => ({
    prompt: batch[i]!.text,
    response: responses[i]!,
    score: scores[i]!,
  }));
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

function stepExtras({ updates, epochs, recomputed }: Learned, rollouts: readonly Rollout[]) {
  const norms = updates.map(({ gradNorm }) => gradNorm).filter(Number.isFinite);
  const mean = (values: readonly number[]) =>
    values.reduce((sum, x) => sum + x, 0) / Math.max(1, values.length);
  return {
    "ppo/epochs": epochs,
    "ppo/skipped_updates": updates.filter(({ applied }) => !applied).length,
    "ppo/grad_norm": mean(norms),
    "rollout/eos_share": mean(rollouts.map(({ hasEos }) => hasEos ? 1 : 0)),
    "rollout/recomputed": recomputed === undefined ? 0 : 1,
  };
}

function notesOf(
  { recomputed, updates }: Learned,
  { rewardVersion }: Progress,
  scoredBy: string,
): string[] {
  const notes: string[] = [];
  if (recomputed !== undefined) {
    notes.push(`predictions of the rollout were made anew by the trainer: ${recomputed}`);
  }
  const skipped = updates.filter(({ applied }) => !applied);
  if (skipped.length > 0) {
    notes.push(`${skipped.length} of ${updates.length} updates skipped: ${skipped[0]!.reason}`);
  }
  if (rewardVersion !== "" && scoredBy !== rewardVersion) {
    notes.push(
      `the reward model changed in the middle of the run: from ${rewardVersion} to ${scoredBy}`,
    );
  }
  return notes;
}
