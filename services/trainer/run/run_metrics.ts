import type { ServiceName } from "@decorum/settings";
import type { Metrics as ProcessMetrics } from "@decorum/telemetry";
import type { Metrics, RunState } from "@decorum/runs";

const states: readonly RunState[] = [
  ...["STARTING", "RUNNING", "PAUSED"] as const,
  ...["SUCCEEDED", "FAILED", "STOPPED", "INTERRUPTED"] as const,
];

/** One run as `/metrics` shows it. */
export class RunMetrics {
  readonly #labels: { readonly run_id: string };

  constructor(readonly metrics: ProcessMetrics, readonly runId: string) {
    this.#labels = { run_id: runId };
  }

  /** @param plan steps that the run is to take, and the target of its KL in nats */
  begin(plan: { readonly steps: number; readonly klTarget: number | undefined }): void {
    this.metrics.set("decorum_trainer_planned_steps", plan.steps, this.#labels);
    if (plan.klTarget !== undefined) {
      this.metrics.set("decorum_trainer_kl_target_nats", plan.klTarget, this.#labels);
    }
  }

  enter(state: RunState): void {
    for (const one of states) {
      const labels = { ...this.#labels, state: one };
      this.metrics.set("decorum_trainer_run_state", one === state ? 1 : 0, labels);
    }
  }

  /** The run is over: its series go away in a while. */
  end(state: RunState): void {
    this.enter(state);
    this.metrics.endRun(this.runId);
  }

  pushed(version: number): void {
    this.metrics.set("decorum_trainer_weights_version", version, this.#labels);
  }

  checkpoint(step: number): void {
    this.metrics.set("decorum_trainer_checkpoint_step", step, this.#labels);
  }

  failed(peer: ServiceName): void {
    if (peer === "trainer") return;
    this.metrics.add("decorum_trainer_peer_failures_total", 1, { peer });
  }

  /**
   * A step that was taken, pushed, and evaluated where that was due.
   *
   * @param epochs of mini-batches that the step was to take
   * @param seconds it took in all
   */
  step(step: number, found: Metrics, epochs: number, seconds: number): void {
    const { metrics } = this;
    metrics.set("decorum_trainer_step", step, this.#labels);
    metrics.set("decorum_trainer_last_step_timestamp_seconds", Date.now() / 1000, this.#labels);
    metrics.observe("decorum_trainer_step_seconds", seconds, {});
    metrics.add("decorum_trainer_response_tokens_total", found["rollout/tokens"] ?? 0, {});
    if ("eval/kl" in found) {
      metrics.set("decorum_trainer_evaluation_step", step, this.#labels);
    }
    for (const side of ["before", "after"] as const) {
      const toxicity = found[`eval/toxicity_${side}`];
      if (toxicity === undefined) continue;
      metrics.set("decorum_evaluation_toxicity", toxicity, { by: "reward", side });
    }
    for (const [name, value] of Object.entries(found)) {
      metrics.set("decorum_trainer_statistic", value, { ...this.#labels, name });
    }
    const skipped = found["ppo/skipped_updates"] ?? 0;
    metrics.add("decorum_trainer_skipped_updates_total", skipped, { reason: "non_finite" });
    const early = Math.max(0, epochs - (found["ppo/epochs"] ?? epochs));
    metrics.add("decorum_trainer_skipped_updates_total", early, { reason: "early_stop" });
  }
}
