import {
  AdapterInputs,
  Linear,
  loraScaling,
  type ModelGraph,
  type PolicySpec,
  runSequences,
  type Sequence,
  sequenceInputs,
  tokenBatch,
  Weights,
} from "@decorum/models";
import {
  div,
  exp,
  gather,
  GraphBuilder,
  logSoftmax,
  mul,
  reduceSum,
  sub,
  type Value,
} from "@decorum/onnx";
import type { Params } from "@decorum/optim";
import { float32 } from "@decorum/tensor";
import {
  type LearnerSample,
  type PolicyLearner,
  sequenceMicroBatches,
  splitRows,
} from "@decorum/learning";

const REFERENCE = "reference.";

/**
 * KL of policy and reference over the whole vocabulary, `sum_v p (log p - log p_ref)`, for every counted
 * token. Inputs as the policy graph's, and the reference's adapter as `reference.<input>`; output `full_kl`
 * `[tokens]`, in nats.
 */
export function buildFullKlGraph(spec: PolicySpec): ModelGraph {
  const { model, lora } = spec;
  if (!lora) throw new Error("internal: the KL of a policy without adapter is 0");
  const graph = new GraphBuilder("full_kl");
  const inputs = sequenceInputs(graph);
  const rows = graph.input("rows", "int64", ["tokens"]);
  const temperature = graph.input("temperature", "float32", []);
  const weights = new Weights(graph, spec.index, spec);
  const logprobs = (prefix: string): Value => {
    const adapter = new AdapterInputs(weights, lora, model.layers, { prefix });
    const network = model.network(new Linear(weights, adapter));
    const { decoded } = runSequences(model, network, inputs);
    return logSoftmax(network.logits(div(gather(decoded, rows, 0), temperature)), -1);
  };
  const policy = logprobs("");
  const difference = sub(policy, graph.scope("reference", () => logprobs(REFERENCE)));
  graph.output(reduceSum(mul(exp(policy), difference), [1], false), "full_kl");
  return { graph: graph.build(), files: weights.files };
}

/** The exact KL of a learner's policy to its reference, on whatever runs the learner's graphs: `compare` is the one above. */
export class FullKl {
  #reference: { readonly of: Params; readonly inputs: Params } | undefined;

  constructor(readonly learner: PolicyLearner<LearnerSample>) {}

  /**
   * KL of every counted token, in nats.
   *
   * @param parameters of the policy; by default the learner's as they are now
   */
  async perToken(
    sequences: readonly Sequence[],
    temperature: number,
    parameters: Params = this.learner.state().train.params,
  ): Promise<Float32Array[]> {
    const { config, options, runner } = this.learner;
    const { reference } = this.learner.state();
    const scale = loraScaling(options.lora);
    const scalars = {
      lora_scale: float32([], [scale]),
      // A scale of 0 turns the adapter off: without a start adapter the reference is the base.
      [`${REFERENCE}lora_scale`]: float32([], [reference ? scale : 0]),
      temperature: float32([], [temperature]),
    };
    const shards = sequenceMicroBatches(sequences, options.microBatchSize);
    const batches = shards.map((micro) => tokenBatch(micro.map((i) => sequences[i]!), config));
    const jobs = batches.map(({ feeds: { labels: _, ...inputs } }) => () => ({
      ...inputs,
      ...scalars,
    }));
    const weights = [parameters, this.#inputsOf(reference ?? this.learner.task.params)];
    const found: Float32Array[] = sequences.map(() => new Float32Array());
    let at = 0;
    for await (const { full_kl } of runner.run("compare", jobs, weights)) {
      const rows = splitRows(full_kl!, batches[at]!.lengths);
      shards[at++]!.forEach((index, i) => (found[index] = rows[i]!));
    }
    return found;
  }

  /** An adapter under the reference's names: the same map for the same adapter, so that runners know it again. */
  #inputsOf(adapter: Params): Params {
    if (this.#reference?.of !== adapter) {
      const own = [...adapter].filter(([name]) => !name.startsWith("v_head."));
      const inputs = new Map(own.map(([name, value]) => [REFERENCE + name, value] as const));
      this.#reference = { of: adapter, inputs };
    }
    return this.#reference.inputs;
  }
}
