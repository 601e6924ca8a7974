import type { Evaluation } from "./evaluation.ts";

/** States of a run, as in the proto. */
export type RunState =
  | "STARTING"
  | "RUNNING"
  | "PAUSED"
  | "SUCCEEDED"
  | "FAILED"
  | "STOPPED"
  | "INTERRUPTED";

/** True for states that a trainer has to keep alive. */
export const isActive = (state: RunState): boolean =>
  state === "STARTING" || state === "RUNNING" || state === "PAUSED";

/** Metrics of a step by name. */
export type Metrics = Readonly<Record<string, number>>;

/** A run on record. */
export interface RunRow {
  readonly runId: string;
  readonly state: RunState;
  readonly step: number;
  readonly totalSteps: number;
  readonly startedMs: number;
  /** 0: has not ended. */
  readonly endedMs: number;
  readonly weightsVersion: number;
  readonly configJson: string;
  readonly configHash: string;
  readonly message: string;
  readonly checkpointStep: number;
}

/** Metrics of a step, and when it was done. */
export interface StepRow {
  readonly step: number;
  readonly unixMs: number;
  readonly metrics: Metrics;
}

/** What one prompt of a step became. */
export interface SampleRow {
  readonly prompt: string;
  readonly response: string;
  /** What it was given in all, as the environment gives it. */
  readonly score: number;
  /** Length of the response; undefined where an older version recorded it. */
  readonly tokens?: number;
  /** What each part of the reward gave, by name. */
  readonly scores?: Readonly<Record<string, number>>;
}

/** What an event is about; `service`: waits for services, and policies that left or came back. */
export const eventKinds = ["note", "service", "push", "checkpoint", "state"] as const;
export type EventKind = typeof eventKinds[number];

/** Something that happened. */
export interface EventRow {
  readonly id: number;
  readonly step: number;
  readonly unixMs: number;
  readonly kind: EventKind;
  readonly message: string;
}

/** A measurement of a step's weights against those that training began with. */
export interface EvaluationRow {
  readonly step: number;
  readonly unixMs: number;
  readonly result: Evaluation;
}
