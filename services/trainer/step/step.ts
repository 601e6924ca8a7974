import type { DataOrder, Tokenizer } from "@decorum/text";
import type { Learned, Learning, LearnState, Prompt } from "@decorum/algorithms";
import type { Batches, Gathered } from "./batches.ts";
import type { RunConfig } from "@decorum/settings";
import type { Metrics, SampleRow } from "@decorum/runs";
import { type Terms, type TermScore, termStatistics } from "@decorum/rewards";
import type { Stages } from "./stages.ts";
import type { Policies, Waiting } from "@decorum/fleet";

/** What steps are taken with. */
export interface StepTools {
  readonly config: RunConfig;
  readonly learning: Learning;
  readonly policies: Policies;
  readonly terms: Terms;
  readonly prompts: readonly Prompt[];
  readonly order: DataOrder;
  readonly tokenizer: Tokenizer;
  readonly waiting: Waiting;
}

/** What is known between two steps, besides the learner's state. The data position and all random streams follow from the step. */
export interface Progress extends LearnState {
  /** Version of the classifier that scored last; empty before the first step. */
  readonly rewardVersion: string;
}

/** What a step made. */
export interface StepOutcome {
  readonly progress: Progress;
  readonly metrics: Metrics;
  readonly samples: readonly SampleRow[];
  /** What people should know: predictions computed again, updates that were skipped. */
  readonly notes: readonly string[];
}

/** Prompts of a step of which a response is recorded. */
const SAMPLES = 4;

/**
 * One step on live services, from `progress` to the next. Until it learns nothing is changed, so a step
 * that is stopped before it can be taken again.
 */
export async function takeStep(
  tools: StepTools,
  batches: Batches,
  progress: Progress,
  stages: Stages,
): Promise<StepOutcome> {
  const { config, learning } = tools;
  const { step } = progress;
  const started = performance.now();

  // With `rollout.overlap` those of the next step begin here.
  const batch = await batches.take(step, stages);
  const { rollouts, scored, rewardVersion, staleness } = batch;
  batches.overlap(step);

  // Until the first update nothing is changed.
  const scores = batch.scores.map((score) => config.constant_score ?? score);
  const generator = staleness > 0 ? batch.generator : undefined;
  const learned = await stages.run(
    "update",
    () => learning.learn({ ...batch, scores, generator }, progress, { stage: stages.part }),
    "time/ppo/total",
  );

  const tokens = rollouts.reduce((sum, { response }) => sum + response.length, 0);
  const seconds = (performance.now() - started) / 1000;
  return {
    progress: { ...learned.state, rewardVersion },
    metrics: {
      ...learned.statistics,
      "rollout/staleness": staleness,
      ...termStatistics(scored),
      ...toxicityOf(scored),
      ...batch.times,
      ...stages.times(),
      "time/step": seconds,
      "time/tokens_per_second": tokens / seconds,
      "rollout/tokens": tokens,
    },
    samples: samplesOf(batch, scores, learning.algorithm.responses),
    notes: notesOf(learned, progress, rewardVersion),
  };
}

/** The first response to each of the first prompts. */
function samplesOf(
  { prompts, rollouts, responses, scored }: Gathered,
  scores: readonly number[],
  times: number,
): SampleRow[] {
  const firsts = prompts.flatMap((_, i) => i % times === 0 ? [i] : []);
  return firsts.slice(0, SAMPLES).map((i) => ({
    prompt: prompts[i]!.text,
    response: responses[i]!,
    score: scores[i]!,
    tokens: rollouts[i]!.response.length,
    scores: samplesScores(scored[i]!),
  }));
}

/** By name: each term that applies, and toxicity where a classifier says it. */
function samplesScores({ terms, otherProbability }: TermScore): Record<string, number> {
  const known = Object.entries(terms).filter((term): term is [string, number] => term[1] !== null);
  return {
    ...Object.fromEntries(known),
    ...(otherProbability === undefined ? {} : { toxicity: otherProbability }),
  };
}

/** The mean probability of the labels that are not wanted, where one label of a classifier is. */
function toxicityOf(scored: readonly TermScore[]): Metrics {
  const found = scored.map(({ otherProbability }) => otherProbability);
  const known = found.filter((probability) => probability !== undefined);
  if (known.length < found.length) return {};
  return { "env/toxicity": known.reduce((sum, x) => sum + x, 0) / known.length };
}

function notesOf(
  { recomputed, updates }: Learned,
  { rewardVersion }: Progress,
  scoredBy: string,
): string[] {
  const notes: string[] = [];
  if (recomputed !== undefined) {
    notes.push(`predictions of the rollout were computed again by the trainer: ${recomputed}`);
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
