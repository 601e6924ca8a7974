import type { WeightIndex } from "@decorum/models";

/** A weight index without a checkpoint: takes every weight that a graph asks for, and remembers its shape. */
export class RecordedWeights implements WeightIndex {
  /** Shapes by the checkpoint's own key, in the order in which the graph asks. */
  readonly shapes: Map<string, readonly number[]> = new Map();

  /** @param absent keys that the model does not have */
  constructor(readonly absent: readonly string[] = []) {}

  has(key: string): boolean {
    return !this.absent.includes(key);
  }

  expect(key: string, dims: readonly number[]): ReturnType<WeightIndex["expect"]> {
    this.shapes.set(key, dims);
    return { dtype: "float32", dims, offset: 0, length: 0, file: "model.safetensors" };
  }
}
