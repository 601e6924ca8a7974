// The kind of every method, by service, as the descriptors say it.
export const kinds = {
  "decorum.evaluator.v1.EvaluatorService": {
    Evaluate: "serverStream",
  },
  "decorum.policy.v1.PolicyService": {
    Generate: "serverStream",
    BeginWeights: "unary",
    UploadWeights: "clientStream",
    CommitWeights: "unary",
    AbortWeights: "unary",
    RollbackWeights: "unary",
    GetVersion: "unary",
    GetModelInfo: "unary",
  },
  "decorum.reward.v1.RewardAdminService": {
    ReloadModel: "unary",
  },
  "decorum.reward.v1.RewardService": {
    Score: "unary",
    ScoreStream: "bidi",
    GetInfo: "unary",
  },
  "decorum.trainer.v1.TrainerService": {
    StartRun: "unary",
    GetRun: "unary",
    ListRuns: "unary",
    WatchMetrics: "serverStream",
    Pause: "unary",
    Resume: "unary",
    Checkpoint: "unary",
    Stop: "unary",
    GetCurves: "unary",
    GetSamples: "unary",
    ListEvaluations: "unary",
    ListEvents: "unary",
  },
  "inference.GRPCInferenceService": {
    ServerLive: "unary",
    ServerReady: "unary",
    ModelReady: "unary",
    ServerMetadata: "unary",
    ModelMetadata: "unary",
    ModelInfer: "unary",
    ModelStreamInfer: "bidi",
    ModelConfig: "unary",
    ModelStatistics: "unary",
    RepositoryIndex: "unary",
  },
  "tei.v1.Info": {
    Info: "unary",
  },
  "tei.v1.Predict": {
    Predict: "unary",
    PredictPair: "unary",
    PredictStream: "bidi",
    PredictPairStream: "bidi",
  },
} as const;
