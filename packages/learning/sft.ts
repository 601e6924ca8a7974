import {
  buildPolicyGraph,
  loadT5Config,
  type ModelGraph,
  type PolicySpec,
  type Sequence,
  t5LinearLayers,
} from "@decorum/models";
import { neg, reduceMean } from "@decorum/onnx";
import { LearningSession, openSessions } from "./learning_session.ts";
import { t5RowsOf } from "./lora_dropout.ts";
import {
  noPredictions,
  sequenceBatch,
  sequenceLengths,
  type TokenPredictions,
} from "./sequence_batch.ts";
import { type TrainedModel, trainedModel } from "./trained_model.ts";

export type SftSession = LearningSession<Sequence, Sequence, TokenPredictions>;

/**
 * Supervised fine-tuning of a T5 by teacher forcing: mean negative log-likelihood of the response tokens, in nats.
 * Trains a LoRA adapter, or all weights, which are then fed to every run: meant for small models.
 *
 * @throws InputError when the folder is no T5, or the adapter does not fit it
 */
export async function openSft(options: TrainedModel): Promise<SftSession> {
  const config = loadT5Config(options.model);
  const layers = t5LinearLayers(config);
  const task = {
    ...trainedModel(options, layers, (spec) => buildSftGraph({ ...spec, config })),
    reference: undefined,
    dropout: {
      layers,
      rowsOf: t5RowsOf,
      rows: ({ query, response }: Sequence, index: number) => [
        { index, source: query.length, target: response.length },
      ],
    },
    inputOf: (sequence: Sequence) => sequence,
    lengths: sequenceLengths,
    nothing: noPredictions,
    batch: (sequences: readonly Sequence[], temperature: number) =>
      sequenceBatch(sequences, config, temperature),
  };
  return new LearningSession(task, options, await openSessions(task, options.runtime));
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
