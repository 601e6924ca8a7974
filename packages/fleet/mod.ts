export { Fleet, type Member, UnfitError } from "./fleet.ts";
export { describeRun, type FollowOptions, followRun, type TrainerClient } from "./follow_run.ts";
export { graphBytes, programId, weightsId } from "./learner_program.ts";
export { Learners } from "./learners.ts";
export { Policies, policyFleet } from "./policies.ts";
export { shareWork } from "./share_work.ts";
export { isTransient, persist, StoppedError, type Waiting } from "./waiting.ts";
export {
  type AdapterOfRun,
  heldOf,
  isImage,
  type PackedWeights,
  packWeights,
  type PolicyClient,
  pushAdapter,
  type PushTarget,
  pushWeights,
  type WeightsImage,
  weightsImage,
} from "./weights.ts";
