import type { DType, Tensor } from "@decorum/tensor";
import type { GraphBuilder } from "./builder.ts";
import { showType } from "./dims.ts";
import type { AttributeKind } from "./schemas.ts";

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
interface ExternalData {
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

/** True when the value may be an attribute of that kind. */
export function hasKind(value: Attribute, kind: AttributeKind): boolean {
  switch (kind) {
    case "int":
      return Number.isSafeInteger(value);
    case "float":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "ints":
      return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v));
    case "floats":
      return Array.isArray(value) && value.every((v) => typeof v === "number");
    case "tensor":
      return typeof value === "object" && "data" in value && "dims" in value;
    case "graph":
      return isGraph(value);
  }
}

/** True for an attribute that is a subgraph. */
export function isGraph(value: Attribute): value is Graph {
  return typeof value === "object" && "nodes" in value;
}

/** For messages. */
export function showAttribute(value: Attribute): string {
  if (typeof value !== "object") return JSON.stringify(value);
  if (isGraph(value)) return `graph "${value.name}"`;
  if ("data" in value) return `a tensor ${showType({ dtype: value.dtype, shape: value.dims })}`;
  return `[${value.join(", ")}]`;
}

/** Float attributes are stored in single precision, so that a decoded graph equals the encoded one. */
export function asStored(value: Attribute, kind: AttributeKind | undefined): Attribute {
  if (kind === "float" && typeof value === "number") return Math.fround(value);
  if (kind === "floats" && Array.isArray(value)) return value.map(Math.fround);
  return value;
}

/**
 * What is wrong with a reference to a file of weights; `undefined` when nothing is. The location must stay
 * below the model's folder: relative, `/` between its parts, no `..`.
 */
export function externalDataProblem(external: ExternalData): string | undefined {
  const { location, offset, length } = external;
  const parts = location.split("/");
  if (location === "" || /^[A-Za-z]:|^\/|\\|\0/.test(location) || parts.includes("")) {
    return `location "${location}" must be a path relative to the model, with "/" between its parts`;
  }
  if (parts.includes("..") || parts.includes(".")) {
    return `location "${location}" must not leave the model's folder: "." and ".." are not allowed`;
  }
  for (const [field, value] of [["offset", offset], ["length", length]] as const) {
    if (!Number.isSafeInteger(value) || value < 0) {
      return `${field} of "${location}" is ${value}: expected a number of bytes`;
    }
  }
  return undefined;
}

/** A handle on one value of a graph under construction. */
export class Value implements ValueType {
  constructor(
    readonly graph: GraphBuilder,
    readonly name: string,
    readonly dtype: DType,
    readonly shape: Shape,
  ) {}

  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    return `${this.name}: ${this.dtype}[${this.shape.join(", ")}]`;
  }
}

/** ONNX's numbers for element types (`TensorProto.DataType`). */
export const elementTypeCode: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

const byCode = new Map(
  Object.entries(elementTypeCode).map(([dtype, code]) => [code, dtype as DType]),
);

/** The element type behind an ONNX number; `undefined` for one that this project does not use. */
export function elementTypeOf(code: number): DType | undefined {
  return byCode.get(code);
}
