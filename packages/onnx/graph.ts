import type { DType, Tensor } from "@decorum/tensor";

/**
 * One dimension: a size, or a symbol whose size is known only when the graph runs. Two dimensions are
 * equal when they are the same number or the same symbol; a product of symbols is written sorted, the
 * number first: `4*batch*sequence`.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** Element type and shape of a value. */
export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export type Attribute = number | string | readonly number[] | Tensor | Graph;

/** One operator call; an omitted optional input or output is the empty string, as in ONNX. */
export interface Node {
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Bytes of a weight in a file beside the graph (ONNX external data). */
export interface ExternalData {
  /** File, relative to the graph's folder, `/` between its parts. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A constant of the graph: its data here, or where to read it. */
export type Initializer =
  & { readonly name: string; readonly type: ValueType }
  & ({ readonly data: Tensor } | { readonly external: ExternalData });

/** A named, typed value of a graph's signature. */
export interface TypedName {
  readonly name: string;
  readonly type: ValueType;
}

/** A finished graph; nodes are in topological order. Inner graphs (loop bodies) may read outer values by name. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly TypedName[];
  readonly outputs: readonly TypedName[];
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Types of all values that this graph defines: inputs, initializers and node outputs. */
  readonly types: ReadonlyMap<string, ValueType>;
}
