import type { PolicyValues } from "@decorum/models";
import { encodeModel, GraphBuilder } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { type Tensor, tensor } from "@decorum/tensor";
import type { LossGraph } from "@decorum/learning";

/** Predictions of a policy and inputs of a loss, by name; those of lists are `[tokens]`. */
export type LossInputs = Readonly<Record<string, ArrayLike<number> | Tensor>>;

/**
 * Runs a loss on numbers, without a model: its value, and those of its statistics.
 *
 * @param policy what the model would predict
 * @param inputs of the loss
 */
export async function evaluateLoss(
  loss: (policy: PolicyValues) => LossGraph,
  policy: Readonly<Partial<Record<"logprobs" | "values" | "entropy", ArrayLike<number>>>>,
  inputs: LossInputs,
): Promise<Record<string, number>> {
  const graph = new GraphBuilder("loss");
  const row = (values: ArrayLike<number>) =>
    tensor("float32", [values.length], Float32Array.from(values));
  const none = policy.logprobs ?? [];
  const predicted = {
    logprobs: row(none),
    values: row(policy.values ?? none),
    entropy: row(policy.entropy ?? none),
  };
  const [logprobs, values, entropy] = Object.keys(predicted)
    .map((name) => graph.input(name, "float32", ["tokens"]));
  const found = loss({ graph, logprobs: logprobs!, values: values!, entropy: () => entropy! });
  for (const [name, value] of Object.entries({ loss: found.loss, ...found.statistics })) {
    graph.output(value, name);
  }
  await using session = await createSession({ bytes: encodeModel(graph.build()) });
  const given = Object.entries(inputs).map(([name, value]) =>
    [name, "dims" in value ? value : row(value)] as const
  );
  const feeds = Object.entries({ ...predicted, ...Object.fromEntries(given) });
  const names = new Set(session.inputNames);
  const outputs = await session.run(
    Object.fromEntries(feeds.filter(([name]) => names.has(name))),
  );
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, Number(data[0])]),
  );
}
