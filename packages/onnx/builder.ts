import { type DType, InputError, type Tensor } from "@decorum/tensor";
import {
  asStored,
  type Attribute,
  type Dim,
  type Graph,
  type Initializer,
  type Node,
  type Shape,
  type TypedName,
  Value,
  type ValueType,
} from "./graph.ts";
import { checkGraph } from "./checker.ts";
import { contentKey, scalarTensor } from "./constant.ts";
import { canonicalShape, sameShape, showType, symbolsOf } from "./dims.ts";
import { join, Names, namesRead, reserveNames } from "./names.ts";
import { inferNode, Scope } from "./infer_node.ts";
import { schemaOf } from "./schemas.ts";

export interface OpOptions {
  /** Node name under the current scope; default the operator's type with a number. */
  readonly name?: string | undefined;
  /** How many outputs, or their exact names ("" omits one). Default: as few as the operator allows. */
  readonly outputs?: number | readonly string[];
}

/**
 * Appends typed operators to a graph. Every operator is checked against its schema when it is added, so a
 * mistake is reported where it is made. A child builder (`parent` given) makes a subgraph, which may use the
 * values of the graphs around it.
 */
export class GraphBuilder {
  readonly #scope: Scope;
  readonly #names: Names;
  readonly #inputs: TypedName[] = [];
  readonly #outputs: TypedName[] = [];
  readonly #nodes: Node[] = [];
  readonly #small = new Map<string, string>();
  #prefix = "";

  constructor(readonly name: string, readonly parent?: GraphBuilder) {
    this.#scope = parent ? new Scope(parent.#scope) : new Scope();
    this.#names = parent ? parent.#names : new Names();
    if (parent) this.#prefix = join(parent.#prefix, name);
  }

  /**
   * A builder that continues where a finished graph ended; `graph` itself stays as it is. With
   * `outputs: false` the new graph starts without outputs.
   */
  static from(graph: Graph, options: { readonly outputs?: boolean } = {}): GraphBuilder {
    const builder = new GraphBuilder(graph.name);
    builder.#inputs.push(...graph.inputs);
    if (options.outputs !== false) builder.#outputs.push(...graph.outputs);
    reserveNames(graph, builder.#names);
    for (const { name, type } of graph.inputs) builder.#scope.types.set(name, type);
    for (const [name, initializer] of graph.initializers) {
      builder.#scope.types.set(name, initializer.type);
      builder.#scope.initializers.set(name, initializer);
      const key = "data" in initializer ? contentKey(initializer.data) : undefined;
      if (key !== undefined) builder.#small.set(key, name);
    }
    for (const node of graph.nodes) {
      inferNode(node, builder.#scope, () => builder.#names.freshDim());
      for (const name of node.outputs) {
        const type = graph.types.get(name);
        if (type) builder.#scope.types.set(name, type);
      }
      builder.#nodes.push(node);
    }
    return builder;
  }

  /** Declares an input of the graph. */
  input(name: string, dtype: DType, shape: Shape): Value {
    this.#take(name, "input");
    const type = this.#canonical(name, { dtype, shape });
    this.#inputs.push({ name, type });
    return this.#define(name, type);
  }

  /**
   * Declares an output. An Identity is added when the value should get another name, or cannot be an
   * output as it is (an input, an initializer, an outer value, or already an output).
   */
  output(value: Value, name?: string): Value {
    this.#resolve(value, "output");
    const computed = this.#scope.types.has(value.name) &&
      !this.#scope.initializers.has(value.name) &&
      !this.#inputs.some((input) => input.name === value.name) &&
      !this.#outputs.some((output) => output.name === value.name);
    const result = computed && (name === undefined || name === value.name)
      ? value
      : this.op("Identity", [value], {}, name === undefined ? {} : { outputs: [name] });
    const { dtype, shape } = result;
    this.#outputs.push({ name: result.name, type: { dtype, shape } });
    return result;
  }

  /** A constant held in memory. Without a name, an equal small constant of this graph is used again. */
  constant(data: Tensor, name?: string): Value {
    const key = name === undefined ? contentKey(data) : undefined;
    const same = key === undefined ? undefined : this.#small.get(key);
    if (same !== undefined) return this.value(same);
    const unique = name ?? this.#names.number("constant");
    if (name !== undefined) this.#take(name, "constant");
    if (key !== undefined) this.#small.set(key, unique);
    return this.#initializer({ name: unique, type: { dtype: data.dtype, shape: data.dims }, data });
  }

  /** A constant of shape `[]`. */
  scalar(value: number, dtype: DType): Value {
    return this.constant(scalarTensor(value, dtype));
  }

  /** A weight under its own name: a tensor, or bytes of a file beside the model. */
  initializer(spec: Initializer): Value {
    this.#take(spec.name, "initializer");
    return this.#initializer(spec);
  }

  /** Adds an operator and returns its first output. */
  op(
    opType: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute | undefined>> = {},
    options: OpOptions = {},
  ): Value {
    return this.ops(opType, inputs, attributes, options)[0]!;
  }

  /**
   * Adds an operator and returns all its outputs. `undefined` omits an optional input or attribute.
   *
   * @throws InputError when the operator, its inputs or its attributes do not fit the schema.
   */
  ops(
    opType: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute | undefined>> = {},
    options: OpOptions = {},
  ): Value[] {
    const schema = schemaOf(opType);
    const base = join(this.#prefix, options.name ?? opType);
    const name = options.name !== undefined && this.#names.take(base)
      ? base
      : this.#names.number(base);
    const last = inputs.findLastIndex((input) => input !== undefined);
    const used = inputs.slice(0, Math.max(last + 1, schema?.minInputs ?? 0));
    for (const input of used) if (input) this.#resolve(input, `${opType} node "${name}"`);
    const node: Node = {
      opType,
      name,
      inputs: used.map((input) => input?.name ?? ""),
      outputs: this.#outputNames(name, options.outputs ?? Math.max(1, schema?.minOutputs ?? 1)),
      attributes: Object.fromEntries(
        Object.entries(attributes).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, asStored(value, schema?.attributes[key])]]
        ),
      ),
    };
    const types = inferNode(node, this.#scope, () => this.#names.freshDim());
    this.#nodes.push(node);
    return node.outputs.flatMap((output, i) =>
      output === "" ? [] : [this.#define(output, types[i]!)]
    );
  }

  /** Runs `body` with `name/` before the names of everything it adds to this graph. */
  scope<T>(name: string, body: () => T): T {
    const before = this.#prefix;
    this.#prefix = join(before, name);
    try {
      return body();
    } finally {
      this.#prefix = before;
    }
  }

  /** The value of that name in this graph or one around it. Throws InputError when there is none. */
  value(name: string): Value {
    const found = this.find(name);
    if (!found) throw new InputError(`Graph "${this.name}" has no value "${name}"`);
    return found;
  }

  /** The value of that name in this graph or one around it. */
  find(name: string): Value | undefined {
    const type = this.#scope.types.get(name);
    return type ? new Value(this, name, type.dtype, type.shape) : this.parent?.find(name);
  }

  /** A handle by which operators on an outer value are added to this graph instead of the outer one. */
  capture(value: Value): Value {
    this.#resolve(value, `subgraph "${this.name}"`);
    return new Value(this, value.name, value.dtype, value.shape);
  }

  /** A name not yet in use in this graph or those around it: `what` under the current scope, numbered. */
  freeName(what: string): string {
    return this.#names.free(join(this.#prefix, what));
  }

  /** The value of a small integer vector, where it is known as dimensions. */
  dims(value: Value): readonly Dim[] | undefined {
    return this.#scope.dims(value.name);
  }

  /** True when values of `graph` may be used here: it is this graph or one around it. */
  sees(graph: GraphBuilder): boolean {
    return graph === this || (this.parent?.sees(graph) ?? false);
  }

  /** The graph so far, checked; initializers that nothing reads are left out. */
  build(): Graph {
    const read = namesRead(this.#nodes);
    const kept = new Map(this.#scope.initializers);
    const types = new Map(this.#scope.types);
    for (const name of kept.keys()) {
      if (read.has(name)) continue;
      kept.delete(name);
      types.delete(name);
    }
    const graph: Graph = {
      name: this.name,
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
      nodes: [...this.#nodes],
      initializers: kept,
      types,
    };
    // A subgraph is checked with the graph around it, which defines the values it captures.
    if (!this.parent) checkGraph(graph);
    return graph;
  }

  #take(name: string, what: string): void {
    if (name === "") {
      throw new InputError(`Cannot add an ${what} without a name to graph "${this.name}"`);
    }
    if (!this.#names.take(name)) {
      throw new InputError(
        `Cannot name an ${what} of graph "${this.name}" "${name}": the name is in use; choose another`,
      );
    }
  }

  #outputNames(node: string, outputs: number | readonly string[]): readonly string[] {
    if (typeof outputs === "number") {
      if (outputs === 1) return [node];
      return Array.from({ length: outputs }, (_, i) => {
        const name = `${node}.${i}`;
        return this.#names.take(name) ? name : this.#names.number(name);
      });
    }
    for (const name of outputs) if (name !== "") this.#take(name, `output of node "${node}"`);
    return outputs;
  }

  #define(name: string, type: ValueType): Value {
    this.#scope.types.set(name, type);
    return new Value(this, name, type.dtype, type.shape);
  }

  #canonical(name: string, type: ValueType): ValueType {
    const shape = canonicalShape(type.shape, `value "${name}"`);
    for (const symbol of symbolsOf(shape)) this.#names.reserveDim(symbol);
    return { dtype: type.dtype, shape };
  }

  #initializer(spec: Initializer): Value {
    const type = this.#canonical(spec.name, spec.type);
    if ("data" in spec) {
      const held = { dtype: spec.data.dtype, shape: spec.data.dims };
      if (held.dtype !== type.dtype || !sameShape(held.shape, type.shape)) {
        throw new InputError(
          `Cannot make initializer "${spec.name}" of type ${showType(type)} from a tensor ${
            showType(held)
          }`,
        );
      }
    }
    const value = this.#define(spec.name, type);
    const initializer: Initializer = { ...spec, type };
    this.#scope.initializers.set(spec.name, initializer);
    return value;
  }

  #resolve(value: Value, user: string): void {
    if (!this.sees(value.graph) || !this.#scope.type(value.name)) {
      throw new InputError(
        `Cannot use ${value} of graph "${value.graph.name}" in ${user} of graph "${this.name}": it is not visible there`,
      );
    }
  }
}
