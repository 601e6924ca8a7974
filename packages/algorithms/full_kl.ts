import {
  type Adapter,
  AdapterInputs,
  Linear,
  loraScaling,
  type ModelGraph,
  openCheckpoint,
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
import { type InferenceSession, openGraph } from "@decorum/runtime";
import { computeTypeOf, float32, type Tensor } from "@decorum/tensor";
import {
  type LearnerSample,
  learnerSession,
  LocalRunner,
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

/** The exact KL of a learner's policy to its reference, in this process, in a session of its own over the same weights. */
export class FullKl implements AsyncDisposable {
  private constructor(
    readonly learner: PolicyLearner<LearnerSample>,
    readonly session: InferenceSession,
  ) {}

  static async open(learner: PolicyLearner<LearnerSample>): Promise<FullKl> {
    const { model, options: { model: source, lora, runtime = {} }, runner } = learner;
    using opened = typeof source === "string" ? openCheckpoint(source) : undefined;
    const index = typeof source === "string" ? opened! : source.index;
    const computeType = computeTypeOf(runtime.precision ?? "fp32");
    const graph = buildFullKlGraph({ model, index, lora, computeType });
    const worker = runner instanceof LocalRunner ? runner.worker : undefined;
    return new FullKl(learner, await openGraph(graph, learnerSession(runtime), worker));
  }

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
    const { config, options } = this.learner;
    const { reference } = this.learner.state();
    const scale = loraScaling(options.lora);
    const adapter = new Map([...parameters].filter(([name]) => !name.startsWith("v_head.")));
    const weights = {
      ...feeds("", adapter as Adapter, scale),
      // A scale of 0 turns the adapter off: without a start adapter the reference is the base.
      ...feeds(REFERENCE, reference ?? adapter, reference ? scale : 0),
      temperature: float32([], [temperature]),
    };
    const found: Float32Array[] = sequences.map(() => new Float32Array());
    for (const micro of sequenceMicroBatches(sequences, options.microBatchSize)) {
      const batch = tokenBatch(micro.map((i) => sequences[i]!), config);
      const { labels: _, ...inputs } = batch.feeds;
      const { full_kl } = await this.session.run({ ...inputs, ...weights });
      const rows = splitRows(full_kl!, batch.lengths);
      micro.forEach((index, i) => (found[index] = rows[i]!));
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.release();
  }
}

function feeds(prefix: string, adapter: Adapter, scale: number): Record<string, Tensor> {
  return {
    ...Object.fromEntries([...adapter].map(([name, value]) => [prefix + name, value])),
    [`${prefix}lora_scale`]: float32([], [scale]),
  };
}
