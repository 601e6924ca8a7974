import type { StageRunner, StepStage } from "@decorum/algorithms";
import { inSpan, type Metrics as ProcessMetrics } from "@decorum/telemetry";
import type { Metrics } from "@decorum/runs";

export const TRACER = "decorum.trainer";

/** The span of each part of a step, and TRL's name of its time where it has one. */
const parts: Readonly<Record<StepStage, readonly [span: string, time: string]>> = {
  prompts: ["prompts", "time/prompts"],
  rollout: ["rollout", "time/rollout"],
  score: ["score", "time/score"],
  forward_pass: ["reference", "time/ppo/forward_pass"],
  compute_rewards: ["rewards", "time/ppo/compute_rewards"],
  compute_advantages: ["advantages", "time/ppo/compute_advantages"],
  "update.minibatch": ["update.minibatch", "time/ppo/optimize_step"],
  calc_stats: ["statistics", "time/ppo/calc_stats"],
  push: ["push", "time/push"],
};

/** The parts of one step: a span and a time each. */
export class Stages {
  readonly #seconds = new Map<string, number>();

  constructor(readonly metrics: ProcessMetrics) {}

  /** Runs a part called `span` and adds its seconds to `time/<span>`, or to another name. */
  async run<T>(span: string, work: () => T | Promise<T>, time = `time/${span}`): Promise<T> {
    const started = performance.now();
    try {
      return await inSpan(TRACER, span, {}, work);
    } finally {
      const seconds = (performance.now() - started) / 1000;
      this.#seconds.set(time, (this.#seconds.get(time) ?? 0) + seconds);
      this.metrics.observe("decorum_trainer_phase_seconds", seconds, { phase: span });
    }
  }

  /** Runs a part of a step. */
  readonly part: StageRunner = (stage, work) => {
    const [span, time] = parts[stage];
    return this.run(span, work, time);
  };

  /** Seconds of the parts so far, under `time/*`. */
  times(): Metrics {
    return Object.fromEntries(this.#seconds);
  }
}

/** Runs a step as the root of a trace of its own. */
export function traceStep<T>(runId: string, step: number, work: () => Promise<T>): Promise<T> {
  const attributes = { "decorum.run_id": runId, "decorum.step": step };
  return inSpan(TRACER, "train.step", { attributes, root: true }, work);
}
