export {
  adam,
  type AdamState,
  adamStateFromTensors,
  adamStateToTensors,
  adamW,
  initAdam,
} from "./adam.ts";
export {
  accumulate,
  accumulating,
  clipByGlobalNorm,
  emptyAccumulation,
  findNonFinite,
  type GradientAccumulation,
  meanGradients,
  NonFiniteGradientError,
  type Params,
} from "./gradients.ts";
export { constantSchedule, linearSchedule, type Schedule } from "./schedule.ts";
