import { symbolsOf } from "./dims.ts";
import { type Graph, isGraph, type Node } from "./graph.ts";

/** Names in use in a graph and all its subgraphs: ONNX forbids an inner value to hide an outer one. */
export class Names {
  readonly #used = new Set<string>();
  readonly #next = new Map<string, number>();
  #symbols = 0;

  has(name: string): boolean {
    return this.#used.has(name);
  }

  /** Takes a name as it is; false when it is in use. */
  take(name: string): boolean {
    if (this.#used.has(name)) return false;
    this.#used.add(name);
    return true;
  }

  /** The first of `base_0`, `base_1`, ... not yet in use. */
  free(base: string): string {
    let n = this.#next.get(base) ?? 0;
    while (this.#used.has(`${base}_${n}`)) n++;
    this.#next.set(base, n);
    return `${base}_${n}`;
  }

  /** Takes the first of `base_0`, `base_1`, ... not yet in use. */
  number(base: string): string {
    const name = this.free(base);
    this.#used.add(name);
    return name;
  }

  /** A dimension symbol used nowhere else: `?0`, `?1`, ... */
  freshDim(): string {
    return `?${this.#symbols++}`;
  }

  /** Keeps later fresh symbols clear of one that is in use. */
  reserveDim(symbol: string): void {
    const n = /^\?(\d+)$/.exec(symbol)?.[1];
    if (n !== undefined) this.#symbols = Math.max(this.#symbols, Number(n) + 1);
  }
}

/** `prefix/name`, or the name alone where there is no prefix. */
export function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Marks every name and symbol of a graph and its subgraphs as in use. */
export function reserveNames(graph: Graph, names: Names): void {
  for (const [name, type] of graph.types) {
    names.take(name);
    for (const symbol of symbolsOf(type.shape)) names.reserveDim(symbol);
  }
  for (const node of graph.nodes) {
    names.take(node.name);
    for (const value of Object.values(node.attributes)) {
      if (isGraph(value)) reserveNames(value, names);
    }
  }
}

/** Every name that the nodes read, subgraphs included. */
export function namesRead(nodes: readonly Node[], read = new Set<string>()): Set<string> {
  for (const node of nodes) {
    for (const name of node.inputs) read.add(name);
    for (const value of Object.values(node.attributes)) {
      if (!isGraph(value)) continue;
      namesRead(value.nodes, read);
      for (const output of value.outputs) read.add(output.name);
    }
  }
  return read;
}
