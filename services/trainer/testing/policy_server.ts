import { Generator } from "@decorum/generation";
import {
  baseModelHash,
  type LoraConfig,
  loraScaling,
  openCheckpoint,
  openPolicyModel,
} from "@decorum/models";
import type { policyV1 } from "@decorum/rpc";
import { float32, randomKey, uniforms } from "@decorum/tensor";
import { type FakePolicy, type HeldWeights, startPolicy } from "@decorum/testing/policy";

/** A fake policy that generates with a tiny model. */
export async function startTinyPolicy(model: string, lora: LoraConfig): Promise<FakePolicy> {
  using index = openCheckpoint(model);
  const generator = await Generator.create(
    { model: openPolicyModel(model), index, lora, valueHead: true },
    { intraOpThreads: 1 },
  );
  const lora_scale = float32([], [loraScaling(lora)]);
  const policy = await startPolicy(
    (request, { tensors }) => complete(generator, request, { ...tensors, lora_scale }),
    { baseModelHash: await baseModelHash(model) },
  );
  return {
    ...policy,
    async [Symbol.asyncDispose]() {
      await policy[Symbol.asyncDispose]();
      await generator[Symbol.asyncDispose]();
    },
  };
}

async function* complete(
  generator: Generator,
  { prompts, sampling, seed, sharePrompts }: policyV1.GenerateRequest__Output,
  feeds: HeldWeights["tensors"],
): AsyncGenerator<policyV1.SequenceChunk[]> {
  const settings = {
    doSample: sampling?.doSample ?? false,
    temperature: sampling?.temperature ?? 1,
    topK: sampling?.topK ?? 0,
    topP: sampling?.topP ?? 1,
  };
  const all = prompts.map(({ key, tokenIds, maxNewTokens }) => ({
    ids: tokenIds?.ids ?? [],
    minNewTokens: sampling?.minNewTokens ?? 0,
    maxNewTokens: maxNewTokens ?? sampling?.maxNewTokens ?? 1,
    uniforms: (start: number, count: number) =>
      uniforms(randomKey(seed, "draw", key), start, count),
  }));
  const chunks: policyV1.SequenceChunk[] = [];
  for await (const piece of generator.generate(all, settings, feeds, { sharePrompts })) {
    chunks.push({
      key: prompts[piece.index]!.key,
      offset: 0,
      tokenIds: [...piece.tokenIds],
      logprobs: [...piece.logprobs],
      values: [...piece.values ?? []],
      finishReason: piece.finishReason === "eos" ? "FINISH_REASON_EOS" : "FINISH_REASON_LENGTH",
    });
  }
  yield chunks;
}
