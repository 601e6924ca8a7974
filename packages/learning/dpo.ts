import {
  buildPolicyGraph,
  type ModelGraph,
  openPolicyModel,
  type PolicySpec,
  type Sequence,
} from "@decorum/models";
import { float32, InputError } from "@decorum/tensor";
import { dpoLoss, membershipOf, sumPerSequence } from "./dpo_loss.ts";
import { LearningSession, openRunner } from "./learning_session.ts";
import type { LearningTask } from "./learning_task.ts";
import { sequenceBatch } from "./sequence_batch.ts";
import { type TrainedModel, trainedModel } from "./trained_model.ts";

/** A prompt and two responses to it, the first preferred, as token ids; end tokens included. */
export interface PreferencePair {
  readonly query: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** What the reference says of the responses; a session puts it in. */
  readonly reference?: ResponseLogps;
}

/** Log-probabilities of the two responses, the sums over their tokens in nats. */
interface ResponseLogps {
  readonly chosen: number;
  readonly rejected: number;
}

export interface DpoOptions extends TrainedModel {
  /** What differences of log-probabilities are multiplied by: the lower, the further the policy may move; default 0.1. */
  readonly beta?: number;
}

type DpoSession = LearningSession<PreferencePair, PreferencePair, ResponseLogps>;

const SIDES = ["chosen", "rejected"] as const;

/**
 * Direct preference optimisation of a policy on pairs of responses (Rafailov et al. 2023; TRL's `DPOTrainer` with
 * `loss_type` "sigmoid"). Trains a LoRA adapter, or all weights. The reference is what training starts from: the base
 * without adapter, the adapter that was given, or the start's weights. Prompts are encoded, each once for both responses, so
 * log-probabilities are of responses alone.
 *
 * @throws InputError when the folder is no policy, the adapter does not fit it, or `beta` is not above 0
 */
export async function openDpo(options: DpoOptions): Promise<DpoSession> {
  const { beta = 0.1 } = options;
  if (!(beta > 0 && beta < Infinity)) {
    throw new InputError(`Cannot learn preferences with beta ${beta}: expected a number above 0`);
  }
  const model = openPolicyModel(options.model);
  const trained = trainedModel(
    options,
    model,
    (spec) => buildDpoGraph({ ...spec, model }, beta),
  );
  const task: LearningTask<PreferencePair, PreferencePair, ResponseLogps> = {
    ...trained,
    reference: options.lora ? options.adapter : trained.params,
    inputOf: (pair) => pair,
    lengths: ({ query, chosen, rejected }) => [
      query.length,
      Math.max(chosen.length, rejected.length),
    ],
    shared: ({ query }) => query.join(),
    nothing: { chosen: NaN, rejected: NaN },
    batch(pairs, temperature) {
      const sequences = pairs.flatMap((pair): Sequence[] =>
        SIDES.map((side) => ({ query: pair.query, response: pair[side] }))
      );
      const { feeds } = sequenceBatch(sequences, model.config, temperature, undefined, {
        sharePrompts: true,
      });
      const lengths = sequences.map((sequence) => sequence.response.length);
      const ofSide = SIDES.map((side, at) => [
        [`${side}_tokens`, membershipOf(lengths, pairs.map((_, i) => 2 * i + at))],
        [`reference_${side}`, float32([pairs.length], pairs.map((p) => p.reference?.[side] ?? 0))],
      ]);
      return {
        feeds: { ...feeds, ...Object.fromEntries(ofSide.flat()) },
        count: pairs.length,
        read: ({ chosen, rejected }) =>
          pairs.map((_, i) => ({
            chosen: Number(chosen!.data[i]),
            rejected: Number(rejected!.data[i]),
          })),
      };
    },
    withReference: (pair, reference) => ({ ...pair, reference }),
    dropoutRows: ({ query, chosen, rejected }, index) =>
      [chosen, rejected].map((response, side) => ({
        index: 2 * index + side,
        source: query.length,
        target: response.length,
      })),
  };
  return new LearningSession(task, options, await openRunner(task, options));
}

/**
 * A policy and DPO's loss. Inputs: a policy graph's; `chosen_tokens` and `rejected_tokens` `[pairs, tokens]`, 1 where a
 * token is of that response; `reference_chosen` and `reference_rejected` `[pairs]`. Outputs: `loss` and the statistics of
 * {@link dpoLoss}; `chosen` and `rejected`, log-probabilities of the responses, `[pairs]`.
 */
export function buildDpoGraph(spec: PolicySpec, beta: number): ModelGraph {
  return buildPolicyGraph("dpo", spec, ({ graph, logprobs }) => {
    const sums = (side: string) =>
      sumPerSequence(logprobs, graph.input(`${side}_tokens`, "float32", ["pairs", "tokens"]));
    const reference = (side: string) => graph.input(`reference_${side}`, "float32", ["pairs"]);
    const policy = { chosen: sums("chosen"), rejected: sums("rejected") };
    const { loss, statistics } = dpoLoss(
      policy,
      { chosen: reference("chosen"), rejected: reference("rejected") },
      beta,
    );
    graph.output(loss, "loss");
    for (const [name, value] of Object.entries(statistics)) graph.output(value, name);
    for (const side of SIDES) graph.output(policy[side], side);
  });
}
