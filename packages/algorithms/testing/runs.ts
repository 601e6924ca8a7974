/** Small runs of the algorithms. */
import type { LearnerSample } from "@decorum/learning";
import { lora, randomAdapter } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";
import type { Algorithm, RolledBatch } from "../algorithm.ts";
import type { KlController } from "../kl.ts";
import { Learning, type LearningOptions, type LearnState } from "../learn.ts";
import { ppo, type PpoSample } from "../ppo.ts";
import { emptyMoments } from "../scores.ts";
import { offsetsOf } from "../tokens.ts";

/** An algorithm on a tiny model, from a random adapter. */
export function open<Settings extends object, Sample extends LearnerSample>(
  page: { open(settings: Settings): Algorithm<Sample> },
  model: string,
  settings: Settings,
  options: Partial<LearningOptions> = {},
): Promise<Learning<Sample>> {
  return Learning.open(page.open({ batch_size: 8, mini_batch_size: 4, ...settings }), {
    model,
    lora,
    start: { parameters: randomAdapter(model) },
    runtime,
    ...options,
  });
}

export const fixed: KlController = { kind: "fixed", value: 0.2 };

/** Before the first step, with a KL coefficient that stays. */
export const first: LearnState = { step: 0, klController: fixed, moments: emptyMoments };

/** A batch of responses with these log-probabilities, the reference's the same. */
export function rolled(
  logprobs: readonly (readonly number[])[],
  scores: readonly number[],
  other: Partial<RolledBatch> = {},
): RolledBatch {
  const all = Float32Array.from(logprobs.flat());
  return {
    sequences: logprobs.map((row) => ({ query: [2], response: row.map(() => 3) })),
    offsets: offsetsOf(logprobs.map(({ length }) => length)),
    scores,
    hasEos: scores.map(() => true),
    logprobs: all,
    values: all.map(() => 0),
    refLogprobs: all,
    kl: all.map(() => 0),
    klCoef: 0.1,
    ...other,
  };
}

/** A PPO run with everything that has a state. */
export const openRun = (model: string): Promise<Learning<PpoSample>> =>
  open(ppo, model, {
    batch_size: 6,
    mini_batch_size: 2,
    ppo_epochs: 2,
    kl_penalty: "k3",
    gamma: 0.99,
    temperature: 0.9,
    learning_rate: 1e-2,
  });

/** Steps `from` to `to` of the run; the KL controller afterwards. */
export async function takeSteps(
  learning: Learning<PpoSample>,
  from: number,
  to: number,
  klController: KlController,
): Promise<KlController> {
  let state: LearnState = { ...first, step: from, klController };
  for (let step = from; step < to; step++) {
    const sequences = randomSequences(6, `step ${step}`);
    const scores = sequences.map((s) => s.response.length / 4);
    ({ state } = await learning.learn({ sequences, scores }, state));
  }
  return state.klController;
}
