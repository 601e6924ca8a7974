import {
  buildPolicyGraph,
  type ModelGraph,
  openPolicyModel,
  type PolicySpec,
  type Sequence,
} from "@decorum/models";
import { neg, reduceMean } from "@decorum/onnx";
import { LearningSession, openRunner } from "./learning_session.ts";
import type { LearningTask } from "./learning_task.ts";
import {
  noPredictions,
  sequenceBatch,
  sequenceLengths,
  type TokenPredictions,
} from "./sequence_batch.ts";
import { type TrainedModel, trainedModel } from "./trained_model.ts";

export type SftSession = LearningSession<Sequence, Sequence, TokenPredictions>;

/**
 * Supervised fine-tuning of a policy by teacher forcing: mean negative log-likelihood of the response tokens, in nats.
 * Trains a LoRA adapter, or all weights, which are then fed to every run: meant for small models.
 *
 * @throws InputError when the folder is no policy, or the adapter does not fit it
 */
export async function openSft(options: TrainedModel): Promise<SftSession> {
  const model = openPolicyModel(options.model);
  const task: LearningTask<Sequence, Sequence, TokenPredictions> = {
    ...trainedModel(options, model, (spec) => buildSftGraph({ ...spec, model })),
    reference: undefined,
    dropoutRows: ({ query, response }, index) => [
      { index, source: query.length, target: response.length },
    ],
    inputOf: (sequence) => sequence,
    lengths: sequenceLengths,
    nothing: noPredictions,
    batch: (sequences, temperature) => sequenceBatch(sequences, model.config, temperature),
  };
  return new LearningSession(task, options, await openRunner(task, options));
}

/**
 * Teacher forcing: outputs `loss`, the mean negative log-likelihood over the counted tokens, in nats, and
 * `logprobs` `[tokens]`. Inputs are a policy graph's.
 */
export function buildSftGraph(spec: PolicySpec): ModelGraph {
  return buildPolicyGraph("sft", spec, ({ graph, logprobs }) => {
    graph.output(neg(reduceMean(logprobs, [0], false)), "loss");
    graph.output(logprobs, "logprobs");
  });
}
