import type { Graph } from "@decorum/onnx";

/** A graph and the files that its weights lie in, by the location it names. */
export interface ModelGraph {
  readonly graph: Graph;
  readonly files: ReadonlyMap<string, string>;
}
