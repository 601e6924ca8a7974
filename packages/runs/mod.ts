export { type Curves, type CurvesQuery } from "./curves.ts";
export {
  type BeforeAfter,
  type Comparison,
  comparison,
  type Evaluation,
  evaluationOf,
  type Moments,
  moments,
  recordedEvaluation,
  type RewardComparison,
  sides,
} from "./evaluation.ts";
export { LOCK_FILE, RunReader, STORE_FILE } from "./reader.ts";
export {
  type EvaluationRow,
  type EventKind,
  type EventRow,
  isActive,
  type Metrics,
  type RunRow,
  type RunState,
  type SampleRow,
} from "./records.ts";
export { RunStore } from "./store.ts";
export { StoreError } from "./store_error.ts";
