import { InputError } from "@decorum/tensor";
import { input, type VjpNode } from "../rule.ts";

/**
 * The integers of input `i`, which must be a constant of the graph (axes, sizes of a Split).
 *
 * @throws InputError when it is computed at run time.
 */
export function constantInts(node: VjpNode, i: number): readonly number[] {
  const value = input(node, i);
  const dims = node.graph.dims(value);
  if (!dims || dims.some((dim) => typeof dim !== "number")) {
    throw new InputError(
      `Cannot differentiate ${node.opType} "${node.name}": input ${i} ("${value.name}") is computed at run time; expected a constant`,
    );
  }
  return dims.map(Number);
}
