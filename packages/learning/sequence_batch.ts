import {
  type Sequence,
  type TokenBatch,
  tokenBatch,
  type TokenBatchOptions,
  type Vocabulary,
} from "@decorum/models";
import { float32, InputError, type Tensor } from "@decorum/tensor";
import type { MicroBatch } from "./learning_task.ts";
import { countedTokens, splitRows } from "./token_rows.ts";

/** A response, or several that run together since a loss compares them. */
export type SequenceInput = Sequence | readonly Sequence[];

/** The responses of an input. */
export function sequencesOf(input: SequenceInput): readonly Sequence[] {
  return "query" in input ? [input] : input;
}

/** What the policy says of an input; each `[counted tokens]`, of several responses one after another. */
export interface TokenPredictions {
  readonly logprobs: Float32Array;
  /** Empty where the policy has no value head, or its loss reads it inside the graph. */
  readonly values: Float32Array;
}

/** Of an input of which no token counts. */
export const noPredictions: TokenPredictions = {
  logprobs: new Float32Array(),
  values: new Float32Array(),
};

/** What micro-batches are cut by: prompt and response are padded each by itself. */
export function sequenceLengths(input: SequenceInput): number[] {
  const counted = sequencesOf(input).filter((sequence) => countedTokens(sequence) > 0);
  if (counted.length === 0) return [];
  return [
    Math.max(...counted.map(({ query }) => query.length)),
    Math.max(...counted.map(({ response }) => response.length)),
  ];
}

/**
 * Inputs as a policy graph takes and answers them.
 *
 * @param count what the graph's loss is a mean over; by default the counted tokens
 */
export function sequenceBatch(
  inputs: readonly SequenceInput[],
  vocabulary: Vocabulary,
  temperature: number,
  count: (batch: TokenBatch) => number = ({ tokens }) => tokens,
  options: TokenBatchOptions = {},
): MicroBatch<TokenPredictions> {
  const batch = tokenBatch(inputs.flatMap(sequencesOf), vocabulary, options);
  return {
    feeds: { ...batch.feeds, temperature: temperatureFeed(temperature) },
    count: count(batch),
    read(outputs) {
      const lengths = inputs.map((input) =>
        sequencesOf(input).reduce((sum, sequence) => sum + countedTokens(sequence), 0)
      );
      const rows = (name: string) => {
        const values = outputs[name];
        return values && splitRows(values, lengths);
      };
      const [logprobs, values] = [rows("logprobs"), rows("values")];
      return inputs.map((_, i) => ({
        logprobs: logprobs?.[i] ?? noPredictions.logprobs,
        values: values?.[i] ?? noPredictions.values,
      }));
    },
  };
}

function temperatureFeed(temperature: number): Tensor<"float32"> {
  if (temperature > 0 && temperature < Infinity) return float32([], [temperature]);
  throw new InputError(`Cannot divide logits by temperature ${temperature}: expected more than 0`);
}
