import { Generator, type PolicyFeeds } from "@decorum/generation";
import { type LoraConfig, openCheckpoint, openPolicyModel } from "@decorum/models";
import type { RuntimeOptions } from "@decorum/runtime";
import { randomKey, uniforms } from "@decorum/tensor";
import { loadTokenizer, type Tokenizer } from "@decorum/text";

/** One sampled response. */
export interface Response {
  readonly ids: readonly number[];
  readonly text: string;
  readonly logprobs: Float32Array;
  readonly values: Float32Array;
  readonly finished: boolean;
}

/** Opens a generator of the policy's folder. */
export async function openPolicy(
  folder: string,
  lora: LoraConfig,
  runtime: RuntimeOptions,
): Promise<{ generator: Generator; tokenizer: Tokenizer }> {
  using checkpoint = openCheckpoint(folder);
  const model = openPolicyModel(folder);
  const generator = await Generator.create(
    { model, index: checkpoint, lora, valueHead: true },
    runtime,
  );
  return { generator, tokenizer: loadTokenizer(folder) };
}

/**
 * Samples one response a prompt at temperature 1 as one batch; the draws of prompt `i` depend on `seed`,
 * `label` and `i` alone, so that two policies are compared draw by draw.
 */
export async function sampleResponses(
  { generator, tokenizer }: { readonly generator: Generator; readonly tokenizer: Tokenizer },
  queries: readonly (readonly number[])[],
  weights: PolicyFeeds,
  draws: { readonly seed: number; readonly label: string; readonly maxNewTokens: number },
): Promise<Response[]> {
  const found = queries.map(() => ({
    ids: [] as number[],
    logprobs: [] as number[],
    values: [] as number[],
    finished: false,
  }));
  const prompts = queries.map((ids, i) => ({
    ids,
    minNewTokens: 1,
    maxNewTokens: draws.maxNewTokens,
    uniforms: (start: number, count: number) =>
      uniforms(randomKey(draws.seed, draws.label, i), start, count),
  }));
  const sampling = { doSample: true, temperature: 1, topK: 0, topP: 1 };
  for await (const piece of generator.generate(prompts, sampling, weights)) {
    const one = found[piece.index]!;
    one.ids.push(...piece.tokenIds);
    one.logprobs.push(...piece.logprobs);
    one.values.push(...piece.values ?? []);
    one.finished = piece.finishReason === "eos";
  }
  return found.map(({ ids, logprobs, values, finished }) => ({
    ids,
    finished,
    logprobs: Float32Array.from(logprobs),
    values: Float32Array.from(values),
    text: tokenizer.decode(ids, { skipSpecialTokens: true }),
  }));
}
