export { Fleet, type Member, UnfitError } from "./fleet.ts";
export { Policies, policyFleet, type PolicyFleetOptions } from "./policies.ts";
export { shareWork } from "./share_work.ts";
export { isTransient, persist, StoppedError, type Waiting } from "./waiting.ts";
export {
  heldOf,
  isImage,
  type PackedWeights,
  packWeights,
  type PolicyClient,
  type PushTarget,
  pushWeights,
  type WeightsImage,
  weightsImage,
} from "./weights.ts";
