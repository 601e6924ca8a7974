import { InputError } from "@decorum/tensor";
import { hasKind, showAttribute } from "./attribute.ts";
import type { Node, ValueType } from "./graph.ts";
import type { InferContext, OpSchema } from "./schema.ts";
import { schemaOf } from "./schemas.ts";
import type { Scope } from "./scope.ts";

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
