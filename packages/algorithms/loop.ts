import type { Params } from "@decorum/optim";
import type { Algorithm, Statistics } from "./algorithm.ts";
import { gather, type Gathered, type GatherTools, type Policy, type Score } from "./gather.ts";
import type { Learned, Learning, LearnState } from "./learn.ts";
import { mean } from "./moments.ts";
import { emptyMoments, type RunningMoments, shapeScores } from "./scores.ts";
import { type StageRunner, unwatched } from "./stages.ts";

/** What a run knows between two steps, besides the learner's state. */
export interface LoopState extends LearnState {
  readonly moments: RunningMoments;
}

/** What a step made. */
export interface StepOutcome {
  readonly state: LoopState;
  /** Those of the algorithm, and Decorum's own under `ppo/{epochs,skipped_updates,grad_norm}` and `rollout/*`. */
  readonly statistics: Statistics;
  readonly learned: Learned;
}

/** What a run knows before its first step. */
export function firstState({ klController }: Algorithm): LoopState {
  return { step: 0, klController, moments: emptyMoments };
}

/**
 * Learns from a batch that was gathered: shaped scores, then the algorithm's own step. Until the first update nothing is changed.
 *
 * @param options.envRewards scores as the reward gave them, where they are not those of the batch
 * @param options.generator weights that rolled out, where others were learned since
 */
export async function learnFrom(
  learning: Learning,
  { prompts, rollouts, scored }: Pick<Gathered, "prompts" | "rollouts" | "scored">,
  state: LoopState,
  options: {
    readonly envRewards?: readonly number[];
    readonly generator?: Params;
    readonly stage?: StageRunner;
  } = {},
): Promise<StepOutcome> {
  const { envRewards = scored.map(({ score }) => score), generator, stage = unwatched } = options;
  const hasEos = rollouts.map((rollout) => rollout.hasEos);
  const { scores, moments } = shapeScores(
    envRewards,
    hasEos,
    state.moments,
    learning.algorithm.settings,
  );
  const sequences = prompts.map(({ ids }, i) => ({ query: ids, response: rollouts[i]!.response }));
  const batch = { sequences, scores, envRewards, hasEos, rollout: rollouts };
  const learned = await learning.learn(
    { ...batch, ...(generator && { generator }) },
    state,
    { stage },
  );
  const norms = learned.updates.map(({ gradNorm }) => gradNorm).filter(Number.isFinite);
  return {
    state: { step: state.step + 1, klController: learned.klController, moments },
    statistics: {
      ...learned.statistics,
      "ppo/epochs": learned.epochs,
      "ppo/skipped_updates": learned.updates.filter(({ applied }) => !applied).length,
      "ppo/grad_norm": norms.length > 0 ? mean(norms) : 0,
      "rollout/eos_share": mean(hasEos.map(Number)),
      "rollout/recomputed": learned.recomputed === undefined ? 0 : 1,
    },
    learned,
  };
}

/** What a run is made of. */
export interface TrainTools<S extends Score = Score> extends GatherTools<S> {
  readonly learning: Learning;
  readonly policy: Policy;
  /** Runs the parts of a step; by default they are just run. */
  readonly stage?: StageRunner;
}

/** A step of a run. */
export interface TrainStep<S extends Score = Score> extends StepOutcome {
  readonly batch: Gathered<S>;
}

/** The loop: prompts, responses, scores, learning, new weights; until `settings.steps`. */
export async function* train<S extends Score>(
  tools: TrainTools<S>,
  start: LoopState = firstState(tools.learning.algorithm),
): AsyncGenerator<TrainStep<S>> {
  const { learning, policy, stage = unwatched } = tools;
  const update = (step: number) =>
    stage("push", () => policy.update(learning.learner.state().train.params, step));
  let state = start;
  await update(state.step);
  while (state.step < learning.algorithm.settings.steps) {
    const batch = await gather(tools, state.step, stage);
    const outcome = await learnFrom(learning, batch, state, { stage });
    ({ state } = outcome);
    await update(state.step);
    yield { ...outcome, batch };
  }
}
