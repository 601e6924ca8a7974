import { type DType, InputError } from "@decorum/tensor";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { ValueInfo, WireTensor } from "./messages.ts";

/** Types the node binding moves between JavaScript and onnxruntime, under the names it uses. */
const portable = [
  "float32",
  "float64",
  "float16",
  "int8",
  "uint8",
  "int32",
  "int64",
  "bool",
] as const;

type PortableDType = typeof portable[number];

/** True for the types that can be an input or an output; bfloat16 may only live inside a graph. */
export function isPortable(dtype: string): dtype is PortableDType {
  return (portable as readonly string[]).includes(dtype);
}

/**
 * The binding's name of an element type.
 *
 * @throws InputError for bfloat16, which the binding cannot pass.
 */
export function toOrtDType(dtype: DType): PortableDType {
  if (!isPortable(dtype)) {
    throw new InputError(
      `Cannot pass a ${dtype} tensor to onnxruntime-node: cast inside the graph`,
    );
  }
  return dtype;
}

/** Name, element type and dimensions of an input or output. */
export function valueInfo(metadata: InferenceSession.ValueMetadata): ValueInfo {
  const { name } = metadata;
  if (!metadata.isTensor || !isPortable(metadata.type)) {
    const found = metadata.isTensor ? metadata.type : "not a tensor";
    throw new InputError(`Cannot use graph input or output "${name}": it is ${found}`);
  }
  return { name, dtype: metadata.type, dims: metadata.shape };
}

/** An output as plain data. */
export function fromOrt(name: string, value: OrtTensor | undefined): WireTensor {
  if (!value || !isPortable(value.type) || !ArrayBuffer.isView(value.data)) {
    throw new Error(`internal: output "${name}" came back as ${value?.type ?? "nothing"}`);
  }
  const data = value.data as ArrayBufferView<ArrayBuffer>;
  return { dtype: value.type, dims: value.dims, data };
}
