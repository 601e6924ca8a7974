import {
  arrayOf,
  bytesPerElement,
  type DType,
  type DTypeArrays,
  elementCount,
  InputError,
  type Tensor,
} from "@decorum/tensor";
import onnxProto, { type onnx } from "onnx-proto";
import { showShape } from "../dims.ts";
import { elementTypeCode, elementTypeOf, externalDataProblem, type Initializer } from "../graph.ts";

const { DataLocation } = onnxProto.onnx.TensorProto;

/** An integer as protobufjs gives it: int64 fields are Long objects. Throws InputError beyond 2^53. */
export function toNumber(value: unknown, what: string): number {
  const number = Number(String(value));
  if (!Number.isSafeInteger(number)) {
    throw new InputError(`Cannot decode ${what}: ${value} is no integer that fits 53 bits`);
  }
  return number;
}

/** A tensor as ONNX stores it; the bytes are a view of its data, not a copy. */
export function encodeTensor(tensor: Tensor, name?: string): onnx.ITensorProto {
  const { data } = tensor;
  return {
    ...(name !== undefined && { name }),
    dims: [...tensor.dims],
    dataType: elementTypeCode[tensor.dtype],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

export function encodeInitializer(initializer: Initializer): onnx.ITensorProto {
  if ("data" in initializer) return encodeTensor(initializer.data, initializer.name);
  const { location, offset, length } = initializer.external;
  return {
    name: initializer.name,
    dims: initializer.type.shape.map(Number),
    dataType: elementTypeCode[initializer.type.dtype],
    dataLocation: DataLocation.EXTERNAL,
    externalData: Object.entries({ location, offset, length })
      .map(([key, value]) => ({ key, value: String(value) })),
  };
}

export function decodeInitializer(proto: onnx.ITensorProto): Initializer {
  const name = proto.name ?? "";
  const where = `initializer "${name}"`;
  if (proto.dataLocation !== DataLocation.EXTERNAL) {
    const data = decodeTensor(proto, where);
    return { name, type: { dtype: data.dtype, shape: data.dims }, data };
  }
  const { dtype, dims } = header(proto, where);
  const fields = new Map((proto.externalData ?? []).map(({ key, value }) => [key, value ?? ""]));
  const external = {
    location: fields.get("location") ?? "",
    offset: toNumber(fields.get("offset") ?? "0", `the external offset of ${where}`),
    length: toNumber(
      fields.get("length") ?? elementCount(dims) * bytesPerElement(dtype),
      `the external length of ${where}`,
    ),
  };
  const problem = externalDataProblem(external);
  if (problem) throw new InputError(`Cannot decode ${where}: ${problem}`);
  return { name, type: { dtype, shape: dims }, external };
}

/** A tensor with its own copy of the data. `where` names it in errors. */
export function decodeTensor(proto: onnx.ITensorProto, where: string): Tensor {
  const { dtype, dims } = header(proto, where);
  const data = proto.rawData?.length ? fromBytes(proto.rawData, dtype) : fromFields(proto, dtype);
  if (data.length !== elementCount(dims)) {
    throw new InputError(
      `Cannot decode ${where}: it holds ${data.length} elements, but its shape ${
        showShape(dims)
      } has ${elementCount(dims)}`,
    );
  }
  return { dtype, dims, data };
}

function header(proto: onnx.ITensorProto, where: string): { dtype: DType; dims: number[] } {
  const dtype = elementTypeOf(proto.dataType ?? 0);
  if (!dtype) {
    throw new InputError(
      `Cannot decode ${where}: element type ${proto.dataType} is not one of ${
        Object.keys(elementTypeCode).join(", ")
      }`,
    );
  }
  const dims = (proto.dims ?? []).map((dim) => toNumber(dim, `a dimension of ${where}`));
  if (dims.some((dim) => dim < 0)) {
    throw new InputError(`Cannot decode ${where}: its shape ${showShape(dims)} is negative`);
  }
  return { dtype, dims };
}

/** Little-endian bytes, which is also the order of every machine that Deno runs on. */
function fromBytes(bytes: Uint8Array, dtype: DType): DTypeArrays[DType] {
  const rest = bytes.length % bytesPerElement(dtype);
  // The copy gives the data its own aligned buffer, free of the model's; a ragged end shows as a wrong length.
  return new arrayOf[dtype](new Uint8Array(bytes.subarray(0, bytes.length - rest)).buffer);
}

function fromFields(proto: onnx.ITensorProto, dtype: DType): DTypeArrays[DType] {
  switch (dtype) {
    case "float32":
      return Float32Array.from(proto.floatData ?? []);
    case "float64":
      return Float64Array.from(proto.doubleData ?? []);
    case "int64":
      return BigInt64Array.from(proto.int64Data ?? [], (v) => BigInt(String(v)));
    default:
      return new arrayOf[dtype](proto.int32Data ?? []) as DTypeArrays[DType];
  }
}
