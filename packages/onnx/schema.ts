import type { Tensor } from "@decorum/tensor";
import type { Attribute, Dim, ValueType } from "./graph.ts";

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
