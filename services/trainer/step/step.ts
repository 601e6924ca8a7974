import type { DataOrder, Tokenizer } from "@decorum/text";
import type { Algorithm, Learned } from "../algorithm.ts";
import type { Batches } from "./batches.ts";
import type { Gathered } from "./gather.ts";
import type { Progress } from "../run/checkpoint.ts";
import type { TrainingPrompt } from "./prompts.ts";
import type { Rollout } from "./rollout.ts";
import { groupSizeOf, type RunConfig, settingsOf } from "@decorum/settings";
import type { Metrics, SampleRow } from "@decorum/runs";
import { shapeScores } from "./score_shaping.ts";
import type { RewardClient } from "./scores.ts";
import type { Stages } from "../stages.ts";
import type { Policies, Waiting } from "@decorum/fleet";

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
  batches: Batches,
  progress: Progress,
  stages: Stages,
): Promise<StepOutcome> {
  const { config } = tools;
  const { step } = progress;
  const started = performance.now();

  // 1. to 3. Prompts, rollouts, scores; with `rollout.overlap` those of the next step begin here.
  const batch = await batches.take(step, stages);
  const { prompts, rollouts, judged, rewardVersion, staleness } = batch;
  batches.overlap(step);

  // 4. Shaped scores: scaling, clipping, the penalty for responses without end.
  const envRewards = judged.map(({ score }) => config.constant_score ?? score);
  const hasEos = rollouts.map((r) => r.hasEos);
  const shaped = shapeScores(envRewards, hasEos, progress.moments, settingsOf(config));

  // 5. Advantages and the epochs of mini-batches, as the algorithm has them.
  const sequences = prompts.map(({ ids }, i) => ({ query: ids, response: rollouts[i]!.response }));
  const scored = { sequences, rollout: rollouts, envRewards, scores: shaped.scores };
  const older = staleness > 0 ? { generator: batch.generator } : {};
  const result = await tools.algorithm.learn({ ...scored, ...older }, progress, stages);

  // 6. Metrics.
  const tokens = rollouts.reduce((sum, { response }) => sum + response.length, 0);
  const seconds = (performance.now() - started) / 1000;
  return {
    progress: {
      step: step + 1,
      klController: result.klController,
      moments: shaped.moments,
      rewardVersion,
    },
    metrics: {
      ...result.stats,
      ...stepExtras(result, rollouts),
      "rollout/staleness": staleness,
      "env/toxicity": judged.reduce((sum, j) => sum + j.otherProbability, 0) / judged.length,
      ...batch.times,
      ...stages.times(),
      "time/step": seconds,
      "time/tokens_per_second": tokens / seconds,
      "rollout/tokens": tokens,
    },
    samples: samplesOf(batch, envRewards, groupSizeOf(config)),
    notes: notesOf(result, progress, rewardVersion),
  };
}

/** The first response to each of the first prompts. */
function samplesOf(
  { prompts, rollouts, responses, judged }: Gathered,
  scores: readonly number[],
  times: number,
): SampleRow[] {
  const firsts = prompts.flatMap((_, i) => i % times === 0 ? [i] : []);
  return firsts.slice(0, SAMPLES).map((i) => ({
    prompt: prompts[i]!.text,
    response: responses[i]!,
    score: scores[i]!,
    tokens: rollouts[i]!.response.length,
    scores: { reward: judged[i]!.score, toxicity: judged[i]!.otherProbability },
  }));
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
