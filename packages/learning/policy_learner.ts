import {
  type Adapter,
  buildForwardGraph,
  buildPolicyGraph,
  checkAdapter,
  type EncoderDecoder,
  type EncoderDecoderConfig,
  initAdapter,
  initValueHead,
  type LoraConfig,
  type ModelGraph,
  openCheckpoint,
  openPolicyModel,
  type PolicySpec,
  type PolicyValues,
  type TokenBatch,
  type WeightIndex,
} from "@decorum/models";
import type { Value } from "@decorum/onnx";
import type { Params } from "@decorum/optim";
import { computeTypeOf, InputError } from "@decorum/tensor";
import { LearningSession, openRunner, type SessionOptions } from "./learning_session.ts";
import type { LearningTask, TargetContext } from "./learning_task.ts";
import {
  noPredictions,
  sequenceBatch,
  type SequenceInput,
  sequenceLengths,
  sequencesOf,
  type TokenPredictions,
} from "./sequence_batch.ts";
import { checkParams } from "./learner_state.ts";
import { countedTokens } from "./token_rows.ts";
import type { Feeds, Runner } from "./runner.ts";
import { updateGraph } from "./trained_model.ts";

/** What is learned from at once: a response, or several that are compared. */
export interface LearnerSample {
  readonly sequence: SequenceInput;
  /** Of the rollout, at the temperature of the update, `[counted tokens]`; of several responses one after another. */
  readonly oldLogprobs: Float32Array;
}

/** A loss as a graph: scalars. */
export interface LossGraph {
  readonly loss: Value;
  /** By metric name; means over what the loss is a mean over. */
  readonly statistics: Readonly<Record<string, Value>>;
}

/** What a policy lowers. */
export interface Objective<Sample extends LearnerSample> {
  /** Its name in messages. */
  readonly title: string;
  /** Whether a value head learns too. */
  readonly valueHead: boolean;
  /** Loss of a micro-batch. */
  loss(policy: PolicyValues): LossGraph;
  /** Inputs of the loss for the samples of a micro-batch. */
  feeds(samples: readonly Sample[], context: TargetContext<Sample>): Feeds;
  /** What the loss is a mean over: so many in a batch of `sequences` with `tokens`. */
  count(batch: Pick<TokenBatch, "tokens" | "sequences">): number;
}

/**
 * Loss and gradients of one micro-batch. Outputs: `loss`, the loss's statistics, `logprobs` `[tokens]`, and
 * `<parameter>_grad` for each of `wrt`.
 */
export function buildUpdateGraph(
  objective: Pick<Objective<LearnerSample>, "title" | "valueHead" | "loss">,
  spec: PolicySpec,
  wrt: readonly string[],
): ModelGraph {
  const { title, valueHead } = objective;
  const name = title.toLowerCase().replaceAll(" ", "_");
  const forward = buildPolicyGraph(name, { ...spec, valueHead }, (policy) => {
    const { graph } = policy;
    const { loss, statistics } = graph.scope(name, () => objective.loss(policy));
    graph.output(loss, "loss");
    for (const [metric, value] of Object.entries(statistics)) graph.output(value, metric);
    graph.output(policy.logprobs, "logprobs");
  });
  return updateGraph(forward, wrt, spec);
}

export interface LearnerOptions extends SessionOptions {
  /** A Hugging Face folder, or its parts. */
  readonly model: string | { readonly model: EncoderDecoder; readonly index: WeightIndex };
  readonly lora: LoraConfig;
  /** The adapter that training starts from, which is then the reference too; a new one by default. */
  readonly adapter?: Adapter;
  /** `v_head.summary.{weight,bias}` to start from, where the objective has a value head; zeros by default. */
  readonly valueHead?: Params;
  /** Encodes a prompt once for all of its responses in a run; default false. */
  readonly sharePrompts?: boolean;
  /** Makes the graph that compares policy and reference, where one is needed. */
  readonly compare?: ((spec: PolicySpec) => ModelGraph) | undefined;
}

/**
 * A policy with LoRA adapter, and a value head where its objective has one, that learns from responses. Its
 * reference is the adapter that training started from, else the base.
 */
export class PolicyLearner<Sample extends LearnerSample>
  extends LearningSession<Sample, SequenceInput, TokenPredictions> {
  constructor(
    task: LearningTask<Sample, SequenceInput, TokenPredictions>,
    override readonly options: LearnerOptions,
    runner: Runner,
    readonly model: EncoderDecoder,
  ) {
    super(task, options, runner);
  }

  get config(): EncoderDecoderConfig {
    return this.model.config;
  }

  /** @throws InputError when model, adapter or value head do not fit together. */
  static async create<Sample extends LearnerSample>(
    options: LearnerOptions,
    objective: Objective<Sample>,
  ): Promise<PolicyLearner<Sample>> {
    const model = typeof options.model === "string"
      ? openPolicyModel(options.model)
      : options.model.model;
    const task = policyTask(model, options, objective);
    const runner = await openRunner(task, options);
    return new PolicyLearner(task, options, runner, model);
  }
}

function policyTask<Sample extends LearnerSample>(
  policy: EncoderDecoder,
  options: LearnerOptions,
  objective: Objective<Sample>,
): LearningTask<Sample, SequenceInput, TokenPredictions> {
  const { model, lora, adapter, runtime = {}, sharePrompts = false } = options;
  const { config, layers } = policy;
  if (adapter) checkAdapter(adapter, lora, layers, "to start from");
  const noHead: Params = objective.valueHead ? initValueHead(config.hidden_size) : new Map();
  const head = objective.valueHead ? options.valueHead ?? noHead : noHead;
  checkParams(head, noHead, "value head");
  const params = new Map([
    ...(adapter ?? initAdapter(lora, layers, options.seed ?? 0)),
    ...head,
  ]);
  using opened = typeof model === "string" ? openCheckpoint(model) : undefined;
  const spec: PolicySpec = {
    model: policy,
    index: typeof model === "string" ? opened! : model.index,
    lora,
    valueHead: objective.valueHead,
    computeType: computeTypeOf(runtime.precision ?? "fp32"),
  };
  return {
    params,
    reference: adapter,
    lora,
    model: policy,
    forward: buildForwardGraph(spec),
    update: buildUpdateGraph(objective, spec, [...params.keys()]),
    ...(options.compare ? { compare: options.compare(spec) } : {}),
    inputOf: ({ sequence }) => sequence,
    lengths: sequenceLengths,
    nothing: noPredictions,
    batch: (sequences, temperature) =>
      sequenceBatch(sequences, config, temperature, (batch) => objective.count(batch), {
        sharePrompts,
      }),
    ...(sharePrompts
      ? { shared: (input: SequenceInput) => sequencesOf(input)[0]?.query.join() ?? "" }
      : {}),
    targets: (samples, context) => objective.feeds(samples, context),
    check: ({ sequence, oldLogprobs: { length } }, index) => {
      const expected = sequencesOf(sequence).reduce((sum, s) => sum + countedTokens(s), 0);
      if (length === expected) return;
      throw new InputError(
        `Cannot learn from sample ${index}: oldLogprobs has ${length} numbers; expected ${expected}, one for each token that counts`,
      );
    },
  };
}
