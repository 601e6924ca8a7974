import {
  type Sequence,
  type TokenBatch,
  tokenBatch,
  type TokenBatchOptions,
  type Vocabulary,
} from "@decorum/models";
import { float32, InputError, type Tensor } from "@decorum/tensor";
import type { MicroBatch } from "./learning_session.ts";
import { countedTokens, splitRows } from "./token_rows.ts";

/** What the policy says of one response; each `[counted tokens]`. */
export interface TokenPredictions {
  readonly logprobs: Float32Array;
  /** Empty where the policy has no value head. */
  readonly values: Float32Array;
  /** Of the whole distribution, in nats; empty where only a forward pass was made. */
  readonly entropy: Float32Array;
}

/** Of a sequence of which no token counts. */
export const noPredictions: TokenPredictions = {
  logprobs: new Float32Array(),
  values: new Float32Array(),
  entropy: new Float32Array(),
};

/** What micro-batches of sequences are cut by: prompt and response are padded each by itself. */
export function sequenceLengths(sequence: Sequence): number[] {
  return countedTokens(sequence) === 0 ? [] : [sequence.query.length, sequence.response.length];
}

/**
 * Sequences as a policy graph takes and answers them.
 *
 * @param count what the graph's loss is a mean over; by default the counted tokens
 */
export function sequenceBatch(
  sequences: readonly Sequence[],
  vocabulary: Vocabulary,
  temperature: number,
  count: (batch: TokenBatch) => number = ({ tokens }) => tokens,
  options: TokenBatchOptions = {},
): MicroBatch<TokenPredictions> {
  const batch = tokenBatch(sequences, vocabulary, options);
  return {
    feeds: { ...batch.feeds, temperature: temperatureFeed(temperature) },
    count: count(batch),
    read(outputs) {
      const rows = (name: string) => {
        const values = outputs[name];
        return values && splitRows(values, batch.lengths);
      };
      const [logprobs, values, entropy] = [rows("logprobs"), rows("values"), rows("entropy")];
      return batch.lengths.map((_, i) => ({
        logprobs: logprobs?.[i] ?? noPredictions.logprobs,
        values: values?.[i] ?? noPredictions.values,
        entropy: entropy?.[i] ?? noPredictions.entropy,
      }));
    },
  };
}

function temperatureFeed(temperature: number): Tensor<"float32"> {
  if (temperature > 0 && temperature < Infinity) return float32([], [temperature]);
  throw new InputError(`Cannot divide logits by temperature ${temperature}: expected more than 0`);
}
