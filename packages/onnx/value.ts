import type { DType } from "@decorum/tensor";
import type { Shape, ValueType } from "./graph.ts";
import type { GraphBuilder } from "./builder.ts";

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
