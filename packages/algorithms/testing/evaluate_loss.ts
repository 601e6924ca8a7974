import { encodeModel, GraphBuilder, type Value } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { type Tensor, tensor } from "@decorum/tensor";

/** A loss, and its statistics by name. */
export interface LossOutputs {
  readonly loss: Value;
  readonly statistics: Readonly<Record<string, Value>>;
}

/** Runs a loss on numbers, without a model: its value, and those of its statistics. */
export async function evaluateLoss<Input extends string>(
  inputs: Readonly<Record<Input, ArrayLike<number> | Tensor<"float32">>>,
  loss: (values: Readonly<Record<Input, Value>>) => LossOutputs,
): Promise<Record<string, number>> {
  const graph = new GraphBuilder("loss");
  const entries = Object.entries(inputs) as [Input, ArrayLike<number> | Tensor<"float32">][];
  const feeds = entries.map(([name, value]) =>
    [
      name,
      "dims" in value ? value : tensor("float32", [value.length], Float32Array.from(value)),
    ] as const
  );
  const values = feeds.map(([name, { dims }]) => {
    const named = dims.length === 1 ? ["tokens"] : dims;
    return [name, graph.input(name, "float32", named)] as const;
  });
  const found = loss(Object.fromEntries(values) as Record<Input, Value>);
  for (const [name, value] of Object.entries({ loss: found.loss, ...found.statistics })) {
    graph.output(value, name);
  }
  await using session = await createSession({ bytes: encodeModel(graph.build()) });
  const outputs = await session.run(Object.fromEntries(feeds));
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, Number(data[0])]),
  );
}
