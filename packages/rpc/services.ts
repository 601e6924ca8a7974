import type { EvaluatorServiceDefinition } from "./gen/decorum/evaluator/v1/EvaluatorService.ts";
import type { LearnerServiceDefinition } from "./gen/decorum/learner/v1/LearnerService.ts";
import type { PolicyServiceDefinition } from "./gen/decorum/policy/v1/PolicyService.ts";
import type { RewardAdminServiceDefinition } from "./gen/decorum/reward/v1/RewardAdminService.ts";
import type { RewardServiceDefinition } from "./gen/decorum/reward/v1/RewardService.ts";
import type { TrainerServiceDefinition } from "./gen/decorum/trainer/v1/TrainerService.ts";
import type { GRPCInferenceServiceDefinition } from "./gen/inference/GRPCInferenceService.ts";
import type { InfoDefinition } from "./gen/tei/v1/Info.ts";
import type { PredictDefinition } from "./gen/tei/v1/Predict.ts";
import type { MethodPolicy, Service } from "./service.ts";

const quick: MethodPolicy = { deadlineMs: 10_000, retry: true };
const once: MethodPolicy = { deadlineMs: 30_000, retry: false };
const minutes = (n: number, retry: boolean): MethodPolicy => ({ deadlineMs: n * 60_000, retry });

export const policyService: Service<PolicyServiceDefinition, "decorum.policy.v1.PolicyService"> = {
  name: "decorum.policy.v1.PolicyService",
  proto: "decorum/policy/v1/policy_service.proto",
  methods: {
    Generate: minutes(10, true),
    BeginWeights: quick,
    UploadWeights: once,
    CommitWeights: once,
    AbortWeights: quick,
    RollbackWeights: once,
    GetVersion: quick,
    GetModelInfo: quick,
  },
};

export const rewardService: Service<RewardServiceDefinition, "decorum.reward.v1.RewardService"> = {
  name: "decorum.reward.v1.RewardService",
  proto: "decorum/reward/v1/reward_service.proto",
  methods: { Score: minutes(2, true), ScoreStream: minutes(60, true), GetInfo: quick },
};

export const rewardAdminService: Service<
  RewardAdminServiceDefinition,
  "decorum.reward.v1.RewardAdminService"
> = {
  name: "decorum.reward.v1.RewardAdminService",
  proto: "decorum/reward/v1/reward_service.proto",
  methods: { ReloadModel: minutes(10, false) },
};

/** Open Inference Protocol v2, as KServe and Triton speak it. */
export const inferenceService: Service<
  GRPCInferenceServiceDefinition,
  "inference.GRPCInferenceService"
> = {
  name: "inference.GRPCInferenceService",
  proto: "third_party/inference/grpc_service.proto",
  methods: {
    ServerLive: quick,
    ServerReady: quick,
    ModelReady: quick,
    ServerMetadata: quick,
    ModelMetadata: quick,
    ModelInfer: minutes(2, true),
    ModelStreamInfer: minutes(60, true),
    ModelConfig: quick,
    ModelStatistics: quick,
    RepositoryIndex: quick,
  },
};

/** What text-embeddings-inference says of itself. */
export const teiInfoService: Service<InfoDefinition, "tei.v1.Info"> = {
  name: "tei.v1.Info",
  proto: "third_party/tei/tei.proto",
  methods: { Info: quick },
};

/** Classification as text-embeddings-inference offers it. */
export const teiPredictService: Service<PredictDefinition, "tei.v1.Predict"> = {
  name: "tei.v1.Predict",
  proto: "third_party/tei/tei.proto",
  methods: {
    Predict: minutes(2, true),
    PredictPair: minutes(2, true),
    PredictStream: minutes(60, true),
    PredictPairStream: minutes(60, true),
  },
};

export const trainerService: Service<
  TrainerServiceDefinition,
  "decorum.trainer.v1.TrainerService"
> = {
  name: "decorum.trainer.v1.TrainerService",
  proto: "decorum/trainer/v1/trainer_service.proto",
  methods: {
    StartRun: once,
    GetRun: quick,
    ListRuns: quick,
    WatchMetrics: minutes(24 * 60, true),
    Pause: minutes(30, false),
    Resume: once,
    Checkpoint: minutes(30, false),
    Stop: minutes(30, false),
    GetCurves: quick,
    GetSamples: quick,
    ListEvaluations: quick,
    ListEvents: quick,
  },
};

export const evaluatorService: Service<
  EvaluatorServiceDefinition,
  "decorum.evaluator.v1.EvaluatorService"
> = {
  name: "decorum.evaluator.v1.EvaluatorService",
  proto: "decorum/evaluator/v1/evaluator_service.proto",
  methods: { Evaluate: minutes(120, true) },
};

export const learnerService: Service<
  LearnerServiceDefinition,
  "decorum.learner.v1.LearnerService"
> = {
  name: "decorum.learner.v1.LearnerService",
  proto: "decorum/learner/v1/learner_service.proto",
  methods: {
    GetInfo: quick,
    Load: minutes(10, false),
    PutWeights: minutes(10, false),
    // Who shares work over learners tries again by itself, on another one.
    Run: minutes(60, false),
    Release: quick,
  },
};
