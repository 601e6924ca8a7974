/** Prompts and whole responses for the tests of the generator. */
import assert from "node:assert/strict";
import { randomKey, uniforms } from "@decorum/tensor";
import type { GenerateOptions, Generator, Piece, PolicyFeeds } from "../generator.ts";
import type { Prompt, SamplingParams } from "../prompts.ts";
import { VOCABULARY } from "./tiny.ts";

export const sampling: SamplingParams = { doSample: true, temperature: 1, topK: 0, topP: 1 };
/** So hot that all words are alike: a uniform number of `(word + 0.5) / 40` draws that word. */
export const hot = { ...sampling, temperature: 1e6 };

/** A prompt whose draws come from a stream of its own. */
export function prompt(ids: readonly number[], seed: number, more: Partial<Prompt> = {}): Prompt {
  return {
    ids,
    minNewTokens: 0,
    maxNewTokens: 12,
    uniforms: (start, count) => uniforms(randomKey(seed, "draws"), start, count),
    ...more,
  };
}

/** A prompt whose response is these words, at the temperature of `hot`. */
export function scripted(words: readonly number[], more: Partial<Prompt> = {}): Prompt {
  const column = words.map((word) => (word + 0.5) / VOCABULARY);
  return prompt([5, 6, 1], 0, {
    maxNewTokens: words.length,
    uniforms: (start, count) => Float32Array.from(column.slice(start, start + count)),
    ...more,
  });
}

export interface Response {
  readonly tokenIds: number[];
  readonly logprobs: number[];
  readonly values: number[];
  finishReason: Piece["finishReason"];
}

/** Whole responses, put together from their pieces. */
export async function responses(
  generator: Generator,
  prompts: readonly Prompt[],
  params: SamplingParams,
  weights: PolicyFeeds,
  more: GenerateOptions = {},
): Promise<Response[]> {
  const found: Response[] = prompts.map(() => ({
    tokenIds: [],
    logprobs: [],
    values: [],
    finishReason: undefined,
  }));
  for await (const piece of generator.generate(prompts, params, weights, more)) {
    const response = found[piece.index]!;
    assert.equal(response.finishReason, undefined, "no piece comes after the last");
    assert.ok(piece.tokenIds.length <= (more.chunkTokens ?? Infinity));
    response.tokenIds.push(...piece.tokenIds);
    response.logprobs.push(...piece.logprobs);
    response.values.push(...piece.values ?? []);
    response.finishReason = piece.finishReason;
  }
  return found;
}

/** Three prompts of unlike lengths, with unlike limits. */
export const prompts = [
  prompt([5, 6, 7, 1], 1),
  prompt([11, 3, 4, 30, 31, 32, 33, 12, 13, 1], 2, { maxNewTokens: 20 }),
  prompt([39], 3, { maxNewTokens: 7, minNewTokens: 5 }),
];
