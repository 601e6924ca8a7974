export * from "./encode_item.ts";
export * from "./export_onnx.ts";
export * from "./judge.ts";
export * from "./onnx_folder.ts";
export * from "./probabilities.ts";
export * from "./text_classifier.ts";
