import type {
  Curves,
  CurvesQuery,
  EvaluationRow,
  EventRow,
  Metrics,
  RunRow,
  SampleRow,
} from "@decorum/runs";

/** Metrics that the list of runs shows: the reward, the KL, the toxicity. */
export const headline = ["env/reward_mean", "objective/kl", "env/toxicity"] as const;

/** A run as the list has it. */
export interface RunSummary extends Omit<RunRow, "configJson"> {
  /** The {@link headline} of its last step. */
  readonly metrics: Metrics;
}

/** A run, its settings, and what can be drawn. */
export interface RunDetail extends RunSummary {
  /** As they were given, complete. */
  readonly config: unknown;
  readonly metricNames: readonly string[];
}

/** What is on record of runs, wherever that is. */
export interface RunSource extends Disposable {
  /** What is on record, in a few words: shown on the page. */
  readonly name: string;
  /** True where an older version wrote it, which recorded less. */
  older(): boolean;
  /** Newest first, a thousand at most. */
  runs(): Promise<readonly RunSummary[]>;
  /** Undefined: there is none of that id. */
  run(runId: string): Promise<RunDetail | undefined>;
  curves(runId: string, query: CurvesQuery): Promise<Curves>;
  samples(runId: string, step: number): Promise<readonly SampleRow[]>;
  evaluations(runId: string): Promise<readonly EvaluationRow[]>;
  /** The newest, in order. */
  events(runId: string): Promise<readonly EventRow[]>;
}

/** What can be asked of a run that continues. Each resolves when it is done. */
export type RunControl = "pause" | "resume" | "checkpoint" | "stop";
/** Each throws as the trainer's call does. */
export type RunControls = { readonly [C in RunControl]: (runId: string) => Promise<void> };

/** Runs of a list at most. */
export const MOST_RUNS = 1000;
/** Events of a run that are shown at most. */
export const MOST_EVENTS = 500;
