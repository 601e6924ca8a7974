export * from "./cast.ts";
export * from "./dtype.ts";
export * from "./half.ts";
export { InputError } from "./input_error.ts";
export { describeJson, isJsonObject, type JsonObject, readJson } from "./json.ts";
export * from "./precision.ts";
export {
  normals,
  permutation,
  type RandomKey,
  randomKey,
  randomWords,
  uniforms,
} from "./random.ts";
export {
  decodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  SafetensorsFile,
  tensorFromBytes,
} from "./safetensors.ts";
export type { SafetensorsHeader, TensorEntry } from "./safetensors_header.ts";
export { encodeSafetensors, writeSafetensors } from "./safetensors_write.ts";
export * from "./tensor.ts";
export { TorchCheckpoint, type TorchEntry } from "./torch_checkpoint.ts";
export { convertTorchCheckpoint } from "./torch_convert.ts";
