import { InputError, tensor } from "@decorum/tensor";
import type { TokenTensor } from "./masks.ts";

/**
 * How TRL 0.11.4 differs from this project, for golden cases recorded from it and for nothing else. With it go
 * {@link trlResponseMask} and `unmaskedAdvantages`; response ids begin with the decoder start token and their
 * lengths count it, the decoder gets their attention mask, the reference is the adapter switched off, and
 * the KL coefficient in a step is the one before that step's update.
 */
export const trlCompat = { adamEps: 1e-8, maxGradNorm: Infinity, loraDropout: 0 } as const;

/**
 * TRL's mask over decoder rows `0 .. maxLength - 2`, where row t predicts id t + 1: it drops the first
 * generated token, `m[t] = 1` for `1 <= t <= length - 2`.
 *
 * @param lengths ids of every response, decoder start and eos included
 * @throws InputError when a response has fewer than 3 ids, as no token of it would count
 */
export function trlResponseMask(lengths: readonly number[]): TokenTensor {
  const time = Math.max(1, ...lengths) - 1;
  const mask = new Float32Array(lengths.length * time);
  for (const [row, length] of lengths.entries()) {
    if (!Number.isInteger(length) || length < 3) {
      throw new InputError(
        `Response ${row} has ${length} ids: TRL's mask needs at least 3 (decoder start and two tokens)`,
      );
    }
    mask.fill(1, row * time + 1, row * time + length - 1);
  }
  return tensor("float32", [lengths.length, time], mask);
}
