export * from "./classifier_session.ts";
export * from "./encode_item.ts";
export * from "./export_onnx.ts";
export * from "./int8_agreement.ts";
export * from "./judge.ts";
export * from "./onnx_folder.ts";
export * from "./packed_batch.ts";
export * from "./packed_classifier.ts";

export * from "./text_classifier.ts";
