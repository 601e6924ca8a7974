// The messages and enums of decorum.evaluator.v1.
export * from "./decorum/evaluator/v1/BeforeAfter.ts";
export * from "./decorum/evaluator/v1/EvaluateRequest.ts";
export * from "./decorum/evaluator/v1/EvaluateResponse.ts";
export * from "./decorum/evaluator/v1/EvaluationPhase.ts";
export * from "./decorum/evaluator/v1/EvaluationProgress.ts";
export * from "./decorum/evaluator/v1/EvaluationPrompt.ts";
export * from "./decorum/evaluator/v1/EvaluationResult.ts";
export * from "./decorum/evaluator/v1/EvaluationSample.ts";
export * from "./decorum/evaluator/v1/Moments.ts";
export * from "./decorum/evaluator/v1/RewardComparison.ts";
export * from "./decorum/evaluator/v1/RougeScores.ts";
export * from "./decorum/evaluator/v1/ToxicityComparison.ts";
