import { InputError } from "@decorum/tensor";
import onnxProto, { type onnx } from "onnx-proto";
import { checkGraph } from "../checker.ts";
import { canonicalDim } from "../dims.ts";
import {
  type Attribute,
  type Dim,
  elementTypeOf,
  type Graph,
  type Initializer,
  type Node,
  type TypedName,
  type ValueType,
} from "../graph.ts";
import { inferNode, Scope } from "../infer_node.ts";
import { schemaOf } from "../schemas.ts";
import { decodeInitializer, decodeTensor, toNumber } from "./tensor_proto.ts";

const { ModelProto, AttributeProto } = onnxProto.onnx;
const { AttributeType } = AttributeProto;

/**
 * The graph of an ONNX model file, checked. Types that the file leaves out are inferred. Tensors get their
 * own copy of the data.
 *
 * @throws InputError when the bytes are no model, an operator has no schema (naming it and its node), or the
 * graph is not valid.
 */
export function decodeModel(bytes: Uint8Array): Graph {
  const graph = parse(bytes).graph;
  if (!graph) {
    throw new InputError(`Cannot decode a model from ${bytes.length} bytes: it has no graph`);
  }
  const decoded = new GraphDecoder(new Scope(), new Counter()).decode(graph);
  checkGraph(decoded);
  return decoded;
}

function parse(bytes: Uint8Array): onnx.ModelProto {
  try {
    return ModelProto.decode(bytes);
  } catch (cause) {
    throw new InputError(
      `Cannot decode a model from ${bytes.length} bytes: they are no complete ONNX protobuf message`,
      { cause },
    );
  }
}

/** Symbols for sizes that the file does not name; the `?0` of GraphBuilder are left to it. */
class Counter {
  #count = 0;
  fresh = (): string => `?file.${this.#count++}`;
}

class GraphDecoder {
  readonly #types = new Map<string, ValueType>();

  constructor(readonly scope: Scope, readonly counter: Counter) {}

  decode(proto: onnx.IGraphProto): Graph {
    const inputs = (proto.input ?? []).map((info) => this.#required(info));
    const initializers = new Map<string, Initializer>();
    for (const tensor of proto.initializer ?? []) {
      const initializer = decodeInitializer(tensor);
      if (initializers.has(initializer.name)) {
        throw new InputError(`Cannot decode initializer "${initializer.name}": it is given twice`);
      }
      initializers.set(initializer.name, initializer);
    }
    for (const { name, type } of inputs) this.#define(name, type);
    for (const [name, initializer] of initializers) {
      this.#define(name, initializer.type);
      this.scope.initializers.set(name, initializer);
    }
    const given = new Map<string, ValueType>();
    for (const info of [...(proto.valueInfo ?? []), ...(proto.output ?? [])]) {
      const type = this.#type(info);
      if (type) given.set(info.name ?? "", type);
    }
    const nodes = (proto.node ?? []).map((node, i) => this.#node(node, i, given));
    const outputs = (proto.output ?? []).map((info): TypedName => {
      const name = info.name ?? "";
      const type = this.#types.get(name);
      if (!type) throw new InputError(`Cannot decode output "${name}": nothing computes it`);
      return { name, type };
    });
    return {
      name: proto.name || "graph",
      inputs,
      outputs,
      nodes,
      initializers,
      types: this.#types,
    };
  }

  #define(name: string, type: ValueType): void {
    this.#types.set(name, type);
    this.scope.types.set(name, type);
  }

  #required(info: onnx.IValueInfoProto): TypedName {
    const type = this.#type(info);
    if (!type) {
      throw new InputError(`Cannot decode input "${info.name}": its shape is missing`);
    }
    return { name: info.name ?? "", type };
  }

  #type(info: onnx.IValueInfoProto): ValueType | undefined {
    const tensor = info.type?.tensorType;
    if (!tensor?.shape) return undefined;
    const dtype = elementTypeOf(tensor.elemType ?? 0);
    if (!dtype) {
      throw new InputError(
        `Cannot decode value "${info.name}": element type ${tensor.elemType} is not supported`,
      );
    }
    const shape = (tensor.shape.dim ?? []).map((dim): Dim => {
      // Of the two fields of the oneof, protobufjs keeps a default for the one that is absent.
      if (dim.dimParam) return canonicalDim(dim.dimParam);
      return Object.hasOwn(dim, "dimValue")
        ? toNumber(dim.dimValue, `a dimension of value "${info.name}"`)
        : this.counter.fresh();
    });
    return { dtype, shape };
  }

  #node(proto: onnx.INodeProto, index: number, given: ReadonlyMap<string, ValueType>): Node {
    const opType = proto.opType ?? "";
    const name = proto.name || `${opType}_node_${index}`;
    const schema = schemaOf(opType);
    const domain = proto.domain || "ai.onnx";
    if (!schema || domain !== "ai.onnx") {
      throw new InputError(
        `Cannot decode node "${name}": operator "${opType}" of domain "${domain}" has no schema in packages/onnx/ops`,
      );
    }
    const attributes = Object.fromEntries((proto.attribute ?? []).map((attribute) => {
      const where = `attribute "${attribute.name}" of ${opType} node "${name}"`;
      return [attribute.name ?? "", this.#attribute(attribute, where)];
    }));
    const node: Node = {
      opType,
      name,
      inputs: proto.input ?? [],
      outputs: proto.output ?? [],
      attributes,
    };
    const inferred = inferNode(node, this.scope, this.counter.fresh);
    for (const [i, output] of node.outputs.entries()) {
      const type = given.get(output) ?? inferred[i];
      if (output !== "" && type) this.#define(output, type);
    }
    return node;
  }

  #attribute(proto: onnx.IAttributeProto, where: string): Attribute {
    switch (proto.type) {
      case AttributeType.INT:
        return toNumber(proto.i ?? 0, where);
      case AttributeType.FLOAT:
        return proto.f ?? 0;
      case AttributeType.STRING:
        return new TextDecoder().decode(proto.s ?? new Uint8Array());
      case AttributeType.INTS:
        return (proto.ints ?? []).map((value) => toNumber(value, where));
      case AttributeType.FLOATS:
        return proto.floats ?? [];
      case AttributeType.TENSOR:
        return decodeTensor(proto.t ?? {}, where);
      case AttributeType.GRAPH:
        return new GraphDecoder(new Scope(this.scope), this.counter).decode(proto.g ?? {});
      default:
        throw new InputError(`Cannot decode ${where}: its kind ${proto.type} is not supported`);
    }
  }
}
