import type { Params } from "@decorum/optim";
import { inSpan, type Metrics as ProcessMetrics } from "@decorum/telemetry";
import { gather as gatherBatch, type Gathered as GatheredBatch } from "@decorum/algorithms";
import { persist, type Waiting } from "@decorum/fleet";
import { type RewardCall, termRewards, type TermScore } from "@decorum/rewards";
import { rollout } from "./rollout.ts";
import type { Metrics } from "@decorum/runs";
import { Stages, TRACER } from "./stages.ts";
import type { StepTools } from "./step.ts";

/** Prompts of a step, the responses to them, and what they are worth; all lists are parallel. */
export type Gathered = GatheredBatch<TermScore>;

/** A scored batch, and the weights that made it. */
export interface Batch extends Gathered {
  /** The learner's parameters when it was begun. */
  readonly generator: Params;
  /** Steps learned since then: 0 or 1. */
  readonly staleness: number;
  /** Seconds of its parts, under `time/*`. */
  readonly times: Metrics;
}

interface Begun {
  readonly step: number;
  readonly generator: Params;
  readonly batch: Promise<Omit<Batch, "staleness">>;
}

/**
 * The batches of a run: made when a step wants its own, or, with `rollout.overlap`, while the step before is
 * learned, by the weights that this one begins with. What is begun depends on steps alone, never on times.
 */
export class Batches implements Disposable {
  readonly #over = new AbortController();
  #ahead: Begun | undefined;

  constructor(readonly tools: StepTools, readonly metrics: ProcessMetrics) {}

  /** The batch of a step. @throws what its making ended with */
  async take(step: number, stages: Stages): Promise<Batch> {
    const ahead = this.#ahead;
    if (ahead?.step !== step) {
      const generator = this.#parameters;
      return { ...await gather(this.tools, step, stages), generator, staleness: 0, times: {} };
    }
    const batch = await ahead.batch;
    this.#ahead = undefined;
    return { ...batch, staleness: 1 };
  }

  /** To be called when a step begins to learn: begins the next one's batch, where steps overlap. */
  overlap(step: number): void {
    const { config, learning: { algorithm } } = this.tools;
    if (config.rollout.overlap && step + 1 < algorithm.settings.steps) this.begin(step + 1);
  }

  /** Begins the batch of a step with the weights that are published. */
  begin(step: number, generator = this.#parameters): void {
    const { waiting } = this.tools;
    // Nobody will want it when the run is stopped: it is made again from the same weights.
    const cancel = AbortSignal.any([waiting.cancel, waiting.stop, this.#over.signal]);
    const tools = { ...this.tools, waiting: { ...waiting, cancel } };
    const stages = new Stages(this.metrics);
    const batch = inSpan(TRACER, "ahead", { attributes: { "decorum.step": step } }, async () => ({
      ...await gather(tools, step, stages),
      generator,
      times: stages.times(),
    }));
    // Whoever takes it gets its failure.
    batch.catch(() => {});
    this.#ahead = { step, generator, batch };
  }

  /** Resolves when nothing is being made, well or not: only then may other weights be published. */
  async settled(stages: Stages): Promise<void> {
    const batch = this.#ahead?.batch;
    if (batch) await stages.run("wait", () => batch.then(() => {}, () => {}));
  }

  /** Weights that the next step's batch is made by, if not those that will learn from it. */
  get generator(): Params | undefined {
    return this.#ahead?.generator;
  }

  get #parameters(): Params {
    return this.tools.learning.learner.state().train.params;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}

/** Prompts, rollouts on whichever policies are free, and scores of a step, on live services. */
async function gather(tools: StepTools, step: number, stages: Stages): Promise<Gathered> {
  const { config, policies, terms, waiting } = tools;
  return await gatherBatch<TermScore>(
    {
      ...tools,
      policy: { generate: (groups, settings) => rollout(policies, groups, settings, waiting) },
      rewards: termRewards(terms, config.multi_objective_aggregation, rewardCall(waiting)),
      seed: config.seed,
      groupSize: config.rollout.group_size,
    },
    step,
    stages.part,
  );
}

/** How rewards are asked: a reward service is waited for as a policy is. */
export function rewardCall(waiting: Waiting): RewardCall {
  return {
    signal: waiting.cancel,
    say: (message) => waiting.say(message),
    persist: (address, call) => persist("reward", address, waiting, call),
  };
}
