import {
  type Adapter,
  buildForwardGraph,
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
  type Sequence,
  type TokenBatch,
  type WeightIndex,
} from "@decorum/models";
import type { Params } from "@decorum/optim";
import { computeTypeOf, type Tensor } from "@decorum/tensor";
import {
  type Gradients,
  LearningSession,
  type LearningSessions,
  type LearningTask,
  openSessions,
  type SessionOptions,
  type TargetContext,
} from "./learning_session.ts";
import {
  noPredictions,
  sequenceBatch,
  sequenceLengths,
  type TokenPredictions,
} from "./sequence_batch.ts";
import { checkParams } from "./learner_state.ts";

/** One response to learn from. */
export interface LearnerSample {
  readonly sequence: Sequence;
  /** Of the rollout, at the temperature of the update, `[counted tokens]`. */
  readonly oldLogprobs: Float32Array;
}

/** What a policy lowers. */
export interface Objective<Sample extends LearnerSample> {
  /** Whether a value head learns too. */
  readonly valueHead: boolean;
  /**
   * Loss and gradients of one micro-batch. Outputs: `loss`, `logprobs`, `entropy`, `values` where there is a
   * value head, and `<parameter>_grad` for each of `wrt`.
   */
  graph(spec: PolicySpec, wrt: readonly string[]): ModelGraph;
  /** @throws InputError naming the field of sample `index` that does not fit its sequence */
  check(sample: Sample, index: number): void;
  /** What the graph is fed besides batch and parameters, for the samples of one micro-batch. */
  feeds(
    samples: readonly Sample[],
    context: TargetContext<Sample>,
  ): Readonly<Record<string, Tensor>>;
  /** What the loss of a micro-batch is a mean over: so many of all that the mini-batch has. */
  count(batch: TokenBatch): number;
}

export interface LearnerOptions<Loss> extends SessionOptions {
  /** A Hugging Face folder, or its parts. */
  readonly model: string | { readonly model: EncoderDecoder; readonly index: WeightIndex };
  readonly lora: LoraConfig;
  /** The adapter that training starts from, which is then the reference too; a new one by default. */
  readonly adapter?: Adapter;
  /** `v_head.summary.{weight,bias}` to start from, where the objective has a value head; zeros by default. */
  readonly valueHead?: Params;
  /** Constants of the loss. */
  readonly loss: Loss;
  /** Encodes a prompt once for all of its responses in a run; default false. */
  readonly sharePrompts?: boolean;
}

/** Gradients of one mini-batch, and the predictions they were taken at, in the samples' order. */
export type PolicyGradients = Gradients<TokenPredictions>;

/**
 * A policy with LoRA adapter, and a value head where its objective has one, that learns from responses. Its
 * reference is the adapter that training started from, else the base.
 */
export class PolicyLearner<Sample extends LearnerSample, Loss>
  extends LearningSession<Sample, Sequence, TokenPredictions> {
  constructor(
    task: LearningTask<Sample, Sequence, TokenPredictions>,
    override readonly options: LearnerOptions<Loss>,
    sessions: LearningSessions,
    readonly model: EncoderDecoder,
  ) {
    super(task, options, sessions);
  }

  get config(): EncoderDecoderConfig {
    return this.model.config;
  }

  /** @throws InputError when model, adapter or value head do not fit together. */
  static async create<Sample extends LearnerSample, Loss>(
    options: LearnerOptions<Loss>,
    objective: Objective<Sample>,
  ): Promise<PolicyLearner<Sample, Loss>> {
    const model = typeof options.model === "string"
      ? openPolicyModel(options.model)
      : options.model.model;
    const task = policyTask(model, options, objective);
    const sessions = await openSessions(task, options.runtime);
    return new PolicyLearner(task, options, sessions, model);
  }
}

function policyTask<Sample extends LearnerSample, Loss>(
  policy: EncoderDecoder,
  options: LearnerOptions<Loss>,
  objective: Objective<Sample>,
): LearningTask<Sample, Sequence, TokenPredictions> {
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
    update: objective.graph(spec, [...params.keys()]),
    inputOf: ({ sequence }) => sequence,
    lengths: sequenceLengths,
    nothing: noPredictions,
    batch: (sequences, temperature) =>
      sequenceBatch(sequences, config, temperature, (batch) => objective.count(batch), {
        sharePrompts,
      }),
    ...(sharePrompts ? { shared: ({ query }: Sequence) => query.join() } : {}),
    targets: (samples, context) => objective.feeds(samples, context),
    check: (sample, index) => objective.check(sample, index),
  };
}
