import { input, type VjpNode } from "../rule.ts";

/**
 * The integers of input `i`, which must be a constant of the graph (axes, sizes of a Split).
 *
 * @throws TypeError when it is computed at run time.
 */
export function constantInts(node: VjpNode, i: number): readonly number[] {
  const value = input(node, i);
  const tensor = node.graph.constantOf(value.name);
  if (!tensor) {
    throw new TypeError(
      `Cannot differentiate ${node.opType} "${node.name}": input ${i} ("${value.name}") is computed at run time; expected a constant`,
    );
  }
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}
