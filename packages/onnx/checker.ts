import { arrayOf, bytesPerElement, elementCount, InputError, type Tensor } from "@decorum/tensor";
import {
  type Dim,
  externalDataProblem,
  type Graph,
  type Initializer,
  isGraph,
  type Node,
  type ValueType,
} from "./graph.ts";
import { canonicalDim, sameShape, showType } from "./dims.ts";
import { inferNode, Scope } from "./infer_node.ts";

/** More problems than this are only counted. */
const MOST_PROBLEMS = 20;

/**
 * Checks a graph and its subgraphs: every name defined once and before it is read, attributes known and of
 * their kind, recorded types equal to inferred ones, initializers as long as their type says, files of
 * weights below the model's folder, outputs defined.
 *
 * @throws InputError listing every problem with the node, value or initializer that has it.
 */
export function checkGraph(graph: Graph): void {
  const problems: string[] = [];
  new GraphCheck(graph, undefined, new Set(), problems).run();
  if (problems.length === 0) return;
  const shown = problems.slice(0, MOST_PROBLEMS).map((problem) => `\n- ${problem}`).join("");
  const rest = problems.length - MOST_PROBLEMS;
  throw new InputError(
    `Graph "${graph.name}" is not valid:${shown}${rest > 0 ? `\n- and ${rest} more` : ""}`,
  );
}

class GraphCheck {
  readonly #scope: Scope;
  readonly #defined = new Set<string>();

  constructor(
    readonly graph: Graph,
    outer: Scope | undefined,
    /** Every name of the graphs around this one. */
    readonly outerNames: ReadonlySet<string>,
    readonly problems: string[],
  ) {
    this.#scope = new Scope(outer);
  }

  run(): void {
    const { graph } = this;
    if (graph.name === "") this.#report("the graph has no name");
    for (const { name, type } of graph.inputs) {
      if (this.#define(name, `input "${name}"`)) this.#record(name, type, `input "${name}"`);
    }
    for (const [name, initializer] of graph.initializers) {
      const where = `initializer "${name}"`;
      if (initializer.name !== name) this.#report(`${where} calls itself "${initializer.name}"`);
      if (!this.#define(name, where)) continue;
      this.#record(name, initializer.type, where);
      this.#scope.initializers.set(name, initializer);
      const problem = initializerProblem(initializer);
      if (problem) this.#report(`${where}: ${problem}`);
    }
    const nodeNames = new Set<string>();
    for (const node of graph.nodes) {
      if (nodeNames.has(node.name)) this.#report(`two nodes are named "${node.name}"`);
      nodeNames.add(node.name);
      this.#node(node);
    }
    this.#outputs();
    for (const name of graph.types.keys()) {
      if (!this.#defined.has(name)) {
        this.#report(`type of "${name}", which the graph does not define`);
      }
    }
  }

  #report(problem: string): void {
    this.problems.push(`graph "${this.graph.name}": ${problem}`);
  }

  #define(name: string, where: string): boolean {
    if (name === "") this.#report(`${where}: the name is empty`);
    else if (this.#defined.has(name)) this.#report(`${where}: "${name}" is defined twice`);
    else if (this.outerNames.has(name)) {
      this.#report(`${where}: "${name}" is also a value of a graph around it`);
    } else {
      this.#defined.add(name);
      return true;
    }
    return false;
  }

  /** Makes the type known and demands that the graph's table of types agrees. */
  #record(name: string, type: ValueType, where: string): void {
    this.#scope.types.set(name, type);
    const recorded = this.graph.types.get(name);
    if (!recorded) this.#report(`${where}: its type is not recorded`);
    else if (!sameType(recorded, type)) {
      this.#report(`${where}: type ${showType(type)} is recorded as ${showType(recorded)}`);
    }
    const bad = type.shape.find((dim) => !isCanonical(dim));
    if (bad !== undefined) {
      this.#report(`${where}: ${bad} is not the canonical form of a dimension`);
    }
  }

  #node(node: Node): void {
    const where = `node "${node.name}" (${node.opType})`;
    const before = this.problems.length;
    for (const value of Object.values(node.attributes)) {
      if (isGraph(value)) {
        const names = new Set([...this.outerNames, ...this.graph.types.keys()]);
        new GraphCheck(value, this.#scope, names, this.problems).run();
      } else if (typeof value === "object" && "data" in value) {
        const problem = tensorProblem(value);
        if (problem) this.#report(`${where}: ${problem}`);
      }
    }
    let fresh = 0;
    let types: readonly ValueType[] | undefined;
    try {
      types = inferNode(node, this.#scope, () => `?unknown.${fresh++}`);
    } catch (error) {
      // Only the schemas' own findings are problems of the graph.
      if (!(error instanceof InputError)) throw error;
      if (this.problems.length === before) this.#report(`${where}: ${error.message}`);
    }
    for (const [i, name] of node.outputs.entries()) {
      if (name === "" || !this.#define(name, where)) continue;
      const [inferred, recorded] = [types?.[i], this.graph.types.get(name)];
      if (!recorded) this.#report(`${where}: the type of its output "${name}" is not recorded`);
      else if (types && !(inferred && agrees(inferred, recorded))) {
        const found = inferred ? showType(inferred) : "nothing";
        this.#report(
          `${where}: output "${name}" is recorded as ${
            showType(recorded)
          }, but ${found} is inferred`,
        );
      }
      const type = recorded ?? inferred;
      if (type) this.#scope.types.set(name, type);
    }
  }

  #outputs(): void {
    const seen = new Set<string>();
    for (const { name, type } of this.graph.outputs) {
      const where = `output "${name}"`;
      if (seen.has(name)) this.#report(`${where}: it is listed twice`);
      seen.add(name);
      const recorded = this.graph.types.get(name);
      if (!this.#defined.has(name) || !recorded) this.#report(`${where}: nothing computes it`);
      else if (!sameType(recorded, type)) {
        this.#report(`${where}: type ${showType(type)} is recorded as ${showType(recorded)}`);
      }
    }
  }
}

function sameType(a: ValueType, b: ValueType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

function isCanonical(dim: Dim): boolean {
  try {
    return canonicalDim(dim) === dim && !(typeof dim === "number" && dim < 0);
  } catch {
    return false;
  }
}

/** Equal, where a size that inference cannot know may be recorded as anything, but one thing each. */
function agrees(inferred: ValueType, recorded: ValueType): boolean {
  const known = new Map<Dim, Dim>();
  return inferred.dtype === recorded.dtype && inferred.shape.length === recorded.shape.length &&
    inferred.shape.every((dim, axis) => {
      const other = recorded.shape[axis]!;
      if (typeof dim === "number" || !dim.startsWith("?unknown.")) return dim === other;
      if (!known.has(dim)) known.set(dim, other);
      return known.get(dim) === other;
    });
}

function tensorProblem(tensor: Tensor): string | undefined {
  const expected = elementCount(tensor.dims);
  if (!(tensor.data instanceof arrayOf[tensor.dtype])) {
    return `its ${tensor.dtype} data is a ${tensor.data.constructor.name}: expected ${
      arrayOf[tensor.dtype].name
    }`;
  }
  return tensor.data.length === expected
    ? undefined
    : `it holds ${tensor.data.length} elements: expected ${expected} for shape [${tensor.dims}]`;
}

function initializerProblem(initializer: Initializer): string | undefined {
  const { dtype, shape } = initializer.type;
  if (!shape.every((dim) => typeof dim === "number")) {
    return `its shape [${shape}] has a symbol: expected numbers`;
  }
  if ("data" in initializer) {
    const { data } = initializer;
    return data.dtype === dtype && sameShape(data.dims, shape)
      ? tensorProblem(data)
      : `its data is ${showType({ dtype: data.dtype, shape: data.dims })}: expected ${
        showType(initializer.type)
      }`;
  }
  const { external } = initializer;
  const bytes = elementCount(shape as number[]) * bytesPerElement(dtype);
  return externalDataProblem(external) ??
    (external.length === bytes
      ? undefined
      : `${external.length} bytes of "${external.location}" are given: expected ${bytes} for ${
        showType(initializer.type)
      }`);
}
