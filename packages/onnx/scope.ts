import type { Tensor } from "@decorum/tensor";
import type { Dim, Initializer, ValueType } from "./graph.ts";

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
