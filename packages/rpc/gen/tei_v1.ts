// The messages and enums of tei.v1.
export * from "./tei/v1/InfoRequest.ts";
export * from "./tei/v1/InfoResponse.ts";
export * from "./tei/v1/Metadata.ts";
export * from "./tei/v1/ModelType.ts";
export * from "./tei/v1/PredictPairRequest.ts";
export * from "./tei/v1/PredictRequest.ts";
export * from "./tei/v1/PredictResponse.ts";
export * from "./tei/v1/Prediction.ts";
export * from "./tei/v1/TruncationDirection.ts";
