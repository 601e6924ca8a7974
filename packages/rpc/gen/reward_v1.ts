// The messages and enums of decorum.reward.v1.
export * from "./decorum/reward/v1/GetInfoRequest.ts";
export * from "./decorum/reward/v1/GetInfoResponse.ts";
export * from "./decorum/reward/v1/ItemScore.ts";
export * from "./decorum/reward/v1/ReloadModelRequest.ts";
export * from "./decorum/reward/v1/ReloadModelResponse.ts";
export * from "./decorum/reward/v1/RewardLimits.ts";
export * from "./decorum/reward/v1/ScoreItem.ts";
export * from "./decorum/reward/v1/ScoreRequest.ts";
export * from "./decorum/reward/v1/ScoreResponse.ts";
export * from "./decorum/reward/v1/ScoreStreamRequest.ts";
export * from "./decorum/reward/v1/ScoreStreamResponse.ts";
