export { exportClassifierOnnx, onnxFolder } from "./export_onnx.ts";
export { Judge } from "./judge.ts";
export { probabilities } from "./probabilities.ts";
export {
  type EncodedItem,
  encodeItem,
  TextClassifier,
  type TextClassifierOptions,
  type TextItem,
  TooLongError,
} from "./text_classifier.ts";
