import type {
  EvaluatorServiceDefinition,
  EvaluatorServiceHandlers,
} from "./gen/decorum/evaluator/v1/EvaluatorService.ts";
import type {
  PolicyServiceDefinition,
  PolicyServiceHandlers,
} from "./gen/decorum/policy/v1/PolicyService.ts";
import type {
  RewardServiceDefinition,
  RewardServiceHandlers,
} from "./gen/decorum/reward/v1/RewardService.ts";
import type {
  TrainerServiceDefinition,
  TrainerServiceHandlers,
} from "./gen/decorum/trainer/v1/TrainerService.ts";
import type { MethodPolicy, Service } from "./service.ts";

const quick: MethodPolicy = { deadlineMs: 10_000, retry: true };
const once: MethodPolicy = { deadlineMs: 30_000, retry: false };
const minutes = (n: number, retry: boolean): MethodPolicy => ({ deadlineMs: n * 60_000, retry });

export const policyService: Service<PolicyServiceDefinition, PolicyServiceHandlers> = {
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

export const rewardService: Service<RewardServiceDefinition, RewardServiceHandlers> = {
  name: "decorum.reward.v1.RewardService",
  proto: "decorum/reward/v1/reward_service.proto",
  methods: { Score: minutes(2, true), ScoreStream: minutes(60, true), GetInfo: quick },
};

export const trainerService: Service<TrainerServiceDefinition, TrainerServiceHandlers> = {
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
  },
};

export const evaluatorService: Service<EvaluatorServiceDefinition, EvaluatorServiceHandlers> = {
  name: "decorum.evaluator.v1.EvaluatorService",
  proto: "decorum/evaluator/v1/evaluator_service.proto",
  methods: { Evaluate: minutes(120, true) },
};
