import { InputError } from "@decorum/tensor";
import onnxProto, { type onnx } from "onnx-proto";
import {
  type Attribute,
  elementTypeCode,
  type Graph,
  isGraph,
  type Node,
  type TypedName,
} from "../graph.ts";
import { type AttributeKind, schemaOf } from "../schemas.ts";
import { encodeInitializer, encodeTensor } from "./tensor_proto.ts";

const { ModelProto, AttributeProto } = onnxProto.onnx;
const { AttributeType } = AttributeProto;

/** The newest opset whose forms the schemas describe. */
export const DEFAULT_OPSET = 24;

/** IR version 10 (ONNX 1.16) has every field used here; newer ones add only what this project does not emit. */
const IR_VERSION = 10;

/** A protobuf message ends at 2 GiB. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * The graph as an ONNX model file. Initializers in memory are copied once, into the result; those in files
 * stay there.
 *
 * @throws InputError when the initializers in memory exceed the 2 GiB of a protobuf message.
 */
export function encodeModel(
  graph: Graph,
  options: { readonly opset?: number } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = bytesInMemory(graph);
  if (bytes > MOST_BYTES) {
    throw new InputError(
      `Cannot encode graph "${graph.name}": its initializers hold ${bytes} bytes, more than the 2 GiB of a model file; keep large weights as external data`,
    );
  }
  const encoded = ModelProto.encode({
    irVersion: IR_VERSION,
    producerName: "decorum",
    opsetImport: [{ domain: "", version: options.opset ?? DEFAULT_OPSET }],
    graph: encodeGraph(graph),
  }).finish();
  // Small results lie in a pool that protobufjs shares between messages: the caller gets a buffer of its own.
  return encoded.byteLength === encoded.buffer.byteLength
    ? new Uint8Array(encoded.buffer as ArrayBuffer)
    : new Uint8Array(encoded);
}

function bytesInMemory(graph: Graph): number {
  let bytes = 0;
  for (const initializer of graph.initializers.values()) {
    if ("data" in initializer) bytes += initializer.data.data.byteLength;
  }
  for (const node of graph.nodes) {
    for (const value of Object.values(node.attributes)) {
      if (isGraph(value)) bytes += bytesInMemory(value);
    }
  }
  return bytes;
}

function encodeGraph(graph: Graph): onnx.IGraphProto {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const inner = graph.nodes.flatMap((node) => node.outputs).flatMap((name): TypedName[] => {
    const type = graph.types.get(name);
    return type && !outputs.has(name) ? [{ name, type }] : [];
  });
  return {
    name: graph.name,
    node: graph.nodes.map(encodeNode),
    initializer: [...graph.initializers.values()].map(encodeInitializer),
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    valueInfo: inner.map(encodeValueInfo),
  };
}

function encodeValueInfo({ name, type }: TypedName): onnx.IValueInfoProto {
  const dim = type.shape.map((size) =>
    typeof size === "number" ? { dimValue: size } : { dimParam: size }
  );
  return {
    name,
    type: { tensorType: { elemType: elementTypeCode[type.dtype], shape: { dim } } },
  };
}

function encodeNode(node: Node): onnx.INodeProto {
  const schema = schemaOf(node.opType);
  return {
    opType: node.opType,
    name: node.name,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([key, value]) => {
      const kind = schema?.attributes[key];
      if (!kind) {
        throw new InputError(
          `Cannot encode node "${node.name}": ${node.opType} has no attribute "${key}"`,
        );
      }
      return { name: key, ...encodeAttribute(value, kind) };
    }),
  };
}

/** The kind comes from the schema (a number may be an int or a float) and was checked against the value. */
function encodeAttribute(value: Attribute, kind: AttributeKind): onnx.IAttributeProto {
  switch (kind) {
    case "int":
      return { type: AttributeType.INT, i: value as number };
    case "float":
      return { type: AttributeType.FLOAT, f: value as number };
    case "string":
      return { type: AttributeType.STRING, s: new TextEncoder().encode(value as string) };
    case "ints":
      return { type: AttributeType.INTS, ints: value as number[] };
    case "floats":
      return { type: AttributeType.FLOATS, floats: value as number[] };
    case "tensor":
      return {
        type: AttributeType.TENSOR,
        t: encodeTensor(value as Parameters<typeof encodeTensor>[0]),
      };
    case "graph":
      return { type: AttributeType.GRAPH, g: encodeGraph(value as Graph) };
  }
}
