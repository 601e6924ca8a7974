import type { DType } from "@decorum/tensor";
import type { GraphBuilder } from "../builder.ts";
import type { Shape, Value } from "../graph.ts";

/** One use of operators: inputs of symbolic shape, and the values that it returns. */
export type Case = (g: Inputs) => Value | readonly Value[];

/** Makes inputs named `x0`, `x1`, ... */
export class Inputs {
  #count = 0;
  constructor(readonly graph: GraphBuilder) {}
  of(dtype: DType, ...shape: Shape): Value {
    return this.graph.input(`x${this.#count++}`, dtype, shape);
  }
  f(...shape: Shape): Value {
    return this.of("float32", ...shape);
  }
  i(...shape: Shape): Value {
    return this.of("int64", ...shape);
  }
  b(...shape: Shape): Value {
    return this.of("bool", ...shape);
  }
}
