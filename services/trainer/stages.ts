import type { PpoStage, StageRunner } from "@decorum/algorithms";
import { inSpan, type Metrics as ProcessMetrics } from "@decorum/telemetry";
import type { Metrics } from "@decorum/runs";

export const TRACER = "decorum.trainer";

/** Names of the spans of PPO's own parts. */
const ppoSpans: Readonly<Record<PpoStage, string>> = {
  forward_pass: "reference",
  compute_rewards: "rewards",
  compute_advantages: "advantages",
  "update.minibatch": "update.minibatch",
  calc_stats: "statistics",
};

/** TRL's names of the times of PPO's parts. */
const ppoTimes: Readonly<Record<PpoStage, string>> = {
  forward_pass: "time/ppo/forward_pass",
  compute_rewards: "time/ppo/compute_rewards",
  compute_advantages: "time/ppo/compute_advantages",
  "update.minibatch": "time/ppo/optimize_step",
  calc_stats: "time/ppo/calc_stats",
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

  /** As PPO's own step wants it. */
  readonly ppo: StageRunner = (stage, work) => this.run(ppoSpans[stage], work, ppoTimes[stage]);

  /** Seconds of the parts so far, under `time/*`. */
  times(): Metrics {
    return Object.fromEntries(this.#seconds);
  }
}

/** Runs a step as the root of a trace of its own. */
export function traceStep<T>(runId: string, step: number, work: () => Promise<T>): Promise<T> {
  const attributes = { "decorum.run_id": runId, "decorum.step": step };
  return inSpan(TRACER, "ppo.step", { attributes, root: true }, work);
}
