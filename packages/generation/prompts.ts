import { InputError, int64, type Tensor, tensor } from "@decorum/tensor";
import type { ExecutionProvider } from "@decorum/runtime";
import { cutByLength } from "@decorum/text";

/** How responses are drawn; names and meanings are transformers' `GenerationConfig`. */
export interface SamplingParams {
  readonly doSample: boolean;
  readonly temperature: number;
  /** 0 keeps all words. */
  readonly topK: number;
  /** 1 keeps all words. */
  readonly topP: number;
}

/** One prompt to be continued. */
export interface Prompt {
  /** The encoder's input, special tokens included. */
  readonly ids: readonly number[];
  /** eos is not drawn before this many other tokens, as transformers' `min_new_tokens`. */
  readonly minNewTokens: number;
  readonly maxNewTokens: number;
  /** The uniform number in [0, 1) of each of its draws, by position; none is asked for from `maxNewTokens` on. */
  readonly uniforms: (start: number, count: number) => Float32Array;
}

/** A padded batch of prompts for the encoder. */
export function padSources(prompts: readonly Prompt[], pad: number) {
  const width = Math.max(...prompts.map((p) => p.ids.length));
  const rows = (value: (id: number) => number, fill: number) =>
    int64(
      [prompts.length, width],
      prompts.flatMap((p) => [...p.ids.map(value), ...Array(width - p.ids.length).fill(fill)]),
    );
  return { input_ids: rows((id) => id, pad), attention_mask: rows(() => 1, 0) };
}

/** Which row of the encoder's each position of some prompts is, -1 for padding. @returns `[prompts, width]` */
export function sourceRows(
  prompts: readonly { readonly first: number; readonly length: number }[],
  width: number,
) {
  return int64(
    [prompts.length, width],
    prompts.flatMap(({ first, length }) =>
      Array.from({ length: width }, (_, t) => t < length ? first + t : -1)
    ),
  );
}

/** Which prompt each row continues, where all have as many rows, one after the other. @returns `[rows]` */
export function promptOf(rows: number, prompts: number) {
  return int64([rows], Array.from({ length: rows }, (_, row) => Math.floor(row * prompts / rows)));
}

/** `[steps, prompts]`; 0 where a prompt is past its maximum. @param names of the prompts, for messages */
export function uniformMatrix(
  prompts: readonly Prompt[],
  start: number,
  steps: number,
  names: readonly number[],
): Tensor {
  const data = new Float32Array(steps * prompts.length);
  for (const [i, { maxNewTokens, uniforms }] of prompts.entries()) {
    const count = Math.max(0, Math.min(steps, maxNewTokens - start));
    const column = count > 0 ? uniforms(start, count) : [];
    const bad = column.findIndex((u) => !(u >= 0 && u < 1));
    if (column.length !== count || bad >= 0) {
      throw new InputError(
        `Cannot generate: the uniforms of prompt ${names[i]} from ${start} are ${
          bad >= 0 ? `${column[bad]} at ${bad}` : `${column.length}`
        }; expected ${count} numbers in [0, 1)`,
      );
    }
    column.forEach((u, t) => data[t * prompts.length + i] = u);
  }
  return tensor("float32", [steps, prompts.length], data);
}

/** @throws InputError for settings that make no distribution. */
export function checkSampling({ temperature, topK, topP }: SamplingParams): void {
  const range = (name: string, value: number, ok: boolean, expected: string) => {
    if (!ok) throw new InputError(`Cannot generate with ${name} ${value}: expected ${expected}`);
  };
  range("temperature", temperature, temperature > 0 && temperature < Infinity, "more than 0");
  range("top_k", topK, Number.isInteger(topK) && topK >= 0, "an integer of 0 (all words) or more");
  range("top_p", topP, topP > 0 && topP <= 1, "more than 0 and at most 1 (all words)");
}

/** @throws InputError for no prompts, an empty one, an id outside the vocabulary, or impossible lengths. */
export function checkPrompts(prompts: readonly Prompt[], vocabSize: number): void {
  if (prompts.length === 0) {
    throw new InputError("Cannot generate for 0 prompts: expected 1 or more");
  }
  for (const [i, { ids, minNewTokens, maxNewTokens }] of prompts.entries()) {
    if (ids.length === 0) throw new InputError(`Cannot generate: prompt ${i} has no tokens`);
    const bad = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (bad !== undefined) {
      throw new InputError(
        `Cannot generate: prompt ${i} has token id ${bad}; expected 0 to ${vocabSize - 1}`,
      );
    }
    if (
      !Number.isSafeInteger(maxNewTokens) || !Number.isSafeInteger(minNewTokens) ||
      maxNewTokens < 1 || minNewTokens < 0 || minNewTokens > maxNewTokens
    ) {
      throw new InputError(
        `Cannot generate: prompt ${i} asks for ${minNewTokens} to ${maxNewTokens} new tokens; expected integers, a minimum of 0 or more and a maximum of 1 or more, not below the minimum`,
      );
    }
  }
}

/** Padded positions of one run on the CPU: activations of more leave its caches. */
const CPU_POSITIONS = 1024;

/**
 * Prompts that the encoder runs over together: of like length, so that little padding is computed, and on the CPU no
 * more than fit its caches.
 *
 * @param lengths of the prompts, in tokens
 * @returns their places, each once
 */
export function encoderRuns(
  lengths: readonly number[],
  provider: ExecutionProvider,
): number[][] {
  const cuts = cutByLength(lengths.map((length) => [length]));
  if (provider !== "cpu") return cuts;
  return cuts.flatMap((cut) => {
    const longest = Math.max(...cut.map((i) => lengths[i]!));
    const most = Math.max(1, Math.floor(CPU_POSITIONS / longest));
    const rows = Math.ceil(cut.length / Math.ceil(cut.length / most));
    return Array.from(
      { length: Math.ceil(cut.length / rows) },
      (_, i) => cut.slice(i * rows, (i + 1) * rows),
    );
  });
}
