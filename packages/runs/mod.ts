export {
  type EventRow,
  isActive,
  type Metrics,
  type RunRow,
  type RunState,
  RunStore,
  type SampleRow,
  type StepRow,
} from "./store.ts";
