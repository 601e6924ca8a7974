import type { Tensor } from "@decorum/tensor";
import type { Attribute, Dim, ValueType } from "./graph.ts";
import { controlSchemas } from "./ops/control_schemas.ts";
import { elementwiseSchemas } from "./ops/elementwise.ts";
import { indexingSchemas } from "./ops/indexing.ts";
import { linalgSchemas } from "./ops/linalg.ts";
import { logicalSchemas } from "./ops/logical.ts";
import { normalizationSchemas } from "./ops/normalization.ts";
import { quantizationSchemas } from "./ops/quantization.ts";
import { reductionSchemas } from "./ops/reduction.ts";
import { segmentSchemas } from "./ops/segment.ts";
import { shapeSchemas } from "./ops/shape.ts";

export type AttributeKind = "int" | "float" | "string" | "ints" | "floats" | "tensor" | "graph";

/** What type inference of one node may look at. */
export interface InferContext {
  readonly opType: string;
  /** The node's name, for messages. */
  readonly name: string;
  /** Types by position; `undefined` for an omitted optional input. */
  readonly inputs: readonly (ValueType | undefined)[];
  /** How many outputs the caller wants. */
  readonly outputCount: number;
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** The value of input `i` where it is a constant of the graph held in memory. */
  constant(i: number): Tensor | undefined;
  /** The value of a 1-D (or scalar) integer input where it is known as dimensions: constants, Shape and what is computed from them. */
  dims(i: number): readonly Dim[] | undefined;
  /** A symbol used nowhere else, for a size that only the run knows. */
  freshDim(): string;
}

/** An operator of the default ONNX domain: signature, attribute kinds and type inference. */
export interface OpSchema {
  readonly opType: string;
  /** The opset version that introduced the form described here. */
  readonly sinceVersion: number;
  readonly minInputs: number;
  readonly maxInputs: number;
  /** Inputs among the first `minInputs` that may be omitted by an empty name all the same (Loop's first two). */
  readonly optionalInputs?: readonly number[];
  readonly minOutputs: number;
  readonly maxOutputs: number;
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  /** Output types. Throws InputError naming op, node and the types when the inputs do not fit. */
  infer(context: InferContext): readonly ValueType[];
  /** Output 0 as dimensions, for integer arithmetic on shapes (Shape, Concat, Gather, Slice, Mul, ...). */
  inferDims?(context: InferContext): readonly Dim[] | undefined;
}

// The operator files import the builder, which imports this file: the table is made at its first use.
let table: ReadonlyMap<string, OpSchema> | undefined;

function schemaTable(): ReadonlyMap<string, OpSchema> {
  table ??= new Map(
    [
      elementwiseSchemas,
      logicalSchemas,
      linalgSchemas,
      reductionSchemas,
      shapeSchemas,
      segmentSchemas,
      indexingSchemas,
      normalizationSchemas,
      controlSchemas,
      quantizationSchemas,
    ].flat().map((schema) => [schema.opType, schema]),
  );
  return table;
}

/** The schema of an operator of the default domain, if the project uses it. */
export function schemaOf(opType: string): OpSchema | undefined {
  return schemaTable().get(opType);
}

/** Every operator that a graph may use, by name. */
export function allSchemas(): readonly OpSchema[] {
  return [...schemaTable().values()].sort((a, b) => (a.opType < b.opType ? -1 : 1));
}
