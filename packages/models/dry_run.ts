import { GraphBuilder } from "@decorum/onnx";
import { Linear } from "./linear.ts";
import type { LinearLayers } from "./lora.ts";
import { RecordedWeights, Weights } from "./weights.ts";

/** How one weight of a new model begins: a constant, or normal with this deviation. */
export type Start = { readonly constant: number } | { readonly std: number };

/** What a graph asks for: linear layers, and shapes of weights by key, both in the order in which it does. */
export interface DryRun {
  readonly layers: LinearLayers;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/**
 * Builds a model's graph without a checkpoint, to learn what it asks for.
 *
 * @param absent keys that the model does not have
 */
export function dryRun(
  build: (graph: GraphBuilder, linear: Linear) => void,
  absent: readonly string[] = [],
): DryRun {
  const graph = new GraphBuilder("dry_run");
  const index = new RecordedWeights(absent);
  const linear = new Linear(new Weights(graph, index));
  build(graph, linear);
  return { layers: linear.layers, shapes: index.shapes };
}
