import { InputError, type Tensor } from "@decorum/tensor";
import {
  type Dim,
  hasKind,
  type Initializer,
  type Node,
  showAttribute,
  type ValueType,
} from "./graph.ts";
import { type InferContext, type OpSchema, schemaOf } from "./schemas.ts";

/**
 * Checks one node against its operator's schema and returns the types of its outputs (an omitted output's
 * type too); what the node computes on shapes is noted in `scope` under its first output.
 *
 * @throws InputError for an unknown operator, a wrong number of inputs or outputs, an undefined input, an
 * unknown attribute or one of another kind, and inputs that do not fit each other.
 */
export function inferNode(node: Node, scope: Scope, freshDim: () => string): readonly ValueType[] {
  const schema = schemaOf(node.opType);
  if (!schema) {
    throw new InputError(
      `Cannot use operator "${node.opType}" in node "${node.name}": it has no schema in packages/onnx/ops`,
    );
  }
  checkSignature(node, schema);
  const inputs = node.inputs.map((name, i) => {
    if (name === "") return undefined;
    const type = scope.type(name);
    if (!type) {
      throw new InputError(
        `Cannot use "${name}" as input ${i} of ${node.opType} node "${node.name}": no such value is defined before it`,
      );
    }
    return type;
  });
  const context: InferContext = {
    opType: node.opType,
    name: node.name,
    inputs,
    outputCount: node.outputs.length,
    attributes: node.attributes,
    constant: (i) => (node.inputs[i] ? scope.constant(node.inputs[i]) : undefined),
    dims: (i) => (node.inputs[i] ? scope.dims(node.inputs[i]) : undefined),
    freshDim,
  };
  const types = schema.infer(context);
  const [first, name] = [types[0], node.outputs[0]];
  if (
    schema.inferDims && first && name && first.dtype.startsWith("int") && first.shape.length <= 1
  ) {
    const dims = schema.inferDims(context);
    if (dims) scope.setDims(name, dims);
  }
  return types;
}

function checkSignature(node: Node, schema: OpSchema): void {
  const where = `${node.opType} node "${node.name}"`;
  const { inputs, outputs } = node;
  if (inputs.length < schema.minInputs || inputs.length > schema.maxInputs) {
    throw new InputError(
      `Cannot give ${inputs.length} inputs to ${where}: expected ${
        range(schema.minInputs, schema.maxInputs)
      }`,
    );
  }
  const missing = inputs.findIndex((name, i) =>
    name === "" && i < schema.minInputs && !schema.optionalInputs?.includes(i)
  );
  if (missing >= 0) {
    throw new InputError(`Cannot omit input ${missing} of ${where}: it is required`);
  }
  if (outputs.length < schema.minOutputs || outputs.length > schema.maxOutputs) {
    throw new InputError(
      `Cannot take ${outputs.length} outputs from ${where}: it has ${
        range(schema.minOutputs, schema.maxOutputs)
      }`,
    );
  }
  for (const [key, value] of Object.entries(node.attributes)) {
    const kind = schema.attributes[key];
    if (kind === undefined) {
      const known = Object.keys(schema.attributes).join(", ") || "none";
      throw new InputError(`Unknown attribute "${key}" of ${where}: it has ${known}`);
    }
    if (!hasKind(value, kind)) {
      throw new InputError(
        `Attribute "${key}" of ${where} is ${showAttribute(value)}: expected kind ${kind}`,
      );
    }
  }
}

function range(min: number, max: number): string {
  return min === max ? `${min}` : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
}

/** What is known about the values visible at one place of a graph: its own, then those of the graphs around it. */
export class Scope {
  readonly types: Map<string, ValueType> = new Map();
  readonly initializers: Map<string, Initializer> = new Map();
  /** Integer values that are known as dimensions. */
  readonly #dims = new Map<string, readonly Dim[]>();

  constructor(readonly parent?: Scope) {}

  /** The scope that defines the value, this one or one around it. */
  owner(name: string): Scope | undefined {
    return this.types.has(name) ? this : this.parent?.owner(name);
  }

  type(name: string): ValueType | undefined {
    return this.types.get(name) ?? this.parent?.type(name);
  }

  /** The tensor behind a name, if it is an initializer held in memory. */
  constant(name: string): Tensor | undefined {
    const initializer = this.initializers.get(name);
    if (initializer) return "data" in initializer ? initializer.data : undefined;
    return this.types.has(name) ? undefined : this.parent?.constant(name);
  }

  /** The value of a small integer vector or scalar, where it is known as dimensions. */
  dims(name: string): readonly Dim[] | undefined {
    const owner = this.owner(name);
    if (!owner) return undefined;
    const known = owner.#dims.get(name);
    if (known) return known;
    const tensor = owner.constant(name);
    return tensor && integers(tensor);
  }

  setDims(name: string, dims: readonly Dim[]): void {
    this.#dims.set(name, dims);
  }
}

/** A shape or a list of axes has at most a few elements; more is data, not dimensions. */
const MOST_DIMS = 64;

function integers(tensor: Tensor): readonly number[] | undefined {
  if (tensor.dims.length > 1 || tensor.data.length > MOST_DIMS) return undefined;
  if (tensor.dtype === "int64") return Array.from(tensor.data as BigInt64Array, Number);
  if (tensor.dtype === "int32") return Array.from(tensor.data as Int32Array);
  return undefined;
}
