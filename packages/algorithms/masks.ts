import { InputError, type Tensor, tensor } from "@decorum/tensor";

/** One number per response token, `[batch, time]`; rows are padded to the longest response. */
export type TokenTensor = Tensor<"float32">;

/** Sizes of a {@link TokenTensor}. */
export interface TokenShape {
  readonly batch: number;
  readonly time: number;
}

/**
 * The shape that all of `tensors` have, by the names used in messages.
 *
 * @throws InputError when one is not `[batch, time]` or differs from the first
 * @throws InputError when the batch or the time is empty
 */
export function tokenShape(tensors: Readonly<Record<string, TokenTensor>>): TokenShape {
  const [first, ...others] = Object.entries(tensors);
  if (first === undefined) throw new Error("internal: tokenShape of no tensors");
  const [name, { dims }] = first;
  const [batch, time] = dims;
  if (dims.length !== 2 || batch === undefined || time === undefined) {
    throw new InputError(`"${name}" has shape [${dims}]: expected [batch, time]`);
  }
  for (const [other, found] of others) {
    if (found.dims.length !== 2 || found.dims[0] !== batch || found.dims[1] !== time) {
      throw new InputError(
        `"${other}" has shape [${found.dims}]: expected [${dims}], the shape of "${name}"`,
      );
    }
  }
  if (batch === 0 || time === 0) {
    throw new InputError(
      `"${name}" has shape [${dims}]: expected at least one sequence and one token`,
    );
  }
  return { batch, time };
}

/**
 * The mask of responses of `lengths` tokens (eos included), `[batch, time]`: 1 where there is a token.
 *
 * @param time padded length; default the longest response
 * @throws InputError when a length is not a whole number from 1 to `time`
 */
export function responseMask(
  lengths: readonly number[],
  time: number = Math.max(0, ...lengths),
): TokenTensor {
  const mask = new Float32Array(lengths.length * time);
  for (const [row, length] of lengths.entries()) {
    if (!Number.isInteger(length) || length < 1 || length > time) {
      throw new InputError(
        `Response ${row} has ${length} tokens: expected a whole number from 1 to ${time}`,
      );
    }
    mask.fill(1, row * time, row * time + length);
  }
  return tensor("float32", [lengths.length, time], mask);
}

/**
 * Position in its row of the last token of every response, `[batch]`.
 *
 * @throws InputError when a response has no token, or a mask value is neither 0 nor 1
 */
export function lastTokens(mask: TokenTensor): number[] {
  const { batch, time } = tokenShape({ mask });
  tokenCount(mask);
  return Array.from({ length: batch }, (_, row) => {
    const last = mask.data.subarray(row * time, (row + 1) * time).lastIndexOf(1);
    if (last < 0) throw new InputError(`Response ${row} has no token in the mask: expected one`);
    return last;
  });
}

/**
 * Number of tokens in the mask.
 *
 * @throws InputError when a value is neither 0 nor 1
 */
export function tokenCount(mask: TokenTensor): number {
  let count = 0;
  for (const [i, m] of mask.data.entries()) {
    if (m !== 0 && m !== 1) throw new InputError(`mask is ${m} at element ${i}: expected 0 or 1`);
    count += m;
  }
  return count;
}

/** A token tensor with `value(i)` where the mask is 1 and 0 elsewhere: what padding holds never counts. */
export function mapMasked(mask: TokenTensor, value: (i: number) => number): TokenTensor {
  const out = new Float32Array(mask.data.length);
  for (let i = 0; i < out.length; i++) if (mask.data[i] === 1) out[i] = value(i);
  return tensor("float32", mask.dims, out);
}
