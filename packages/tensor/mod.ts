export { castTensor, type ComputeType, computeTypeOf, type Precision } from "./cast.ts";
export { float32ToBfloat16, float32ToFloat16 } from "./half.ts";
export { describeJson, isJsonObject, type JsonObject, readJson } from "./json.ts";
export {
  normals,
  permutation,
  type RandomKey,
  randomKey,
  randomWords,
  uniforms,
} from "./random.ts";
export { isLeftover, replaceFile, replaceFolder } from "./replace.ts";
export {
  readSafetensors,
  readSafetensorsHeader,
  SafetensorsFile,
  tensorFromBytes,
} from "./safetensors.ts";
export type { TensorEntry } from "./safetensors_header.ts";
export { writeSafetensors } from "./safetensors_write.ts";
export {
  arrayOf,
  bytesPerElement,
  type DType,
  type DTypeArrays,
  elementCount,
  firstNonFinite,
  float32,
  InputError,
  int64,
  isFloat,
  type Tensor,
  tensor,
  zeros,
} from "./tensor.ts";
export { convertTorchCheckpoint, TorchCheckpoint } from "./torch_checkpoint.ts";
