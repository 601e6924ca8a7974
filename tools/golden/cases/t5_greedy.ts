import { join } from "node:path";
import { int64, type Tensor } from "@decorum/tensor";
import { openCheckpoint, openPolicyModel } from "@decorum/models";
import { Generator, type Prompt } from "@decorum/generation";
import type { RuntimeOptions } from "@decorum/runtime";
import { type GoldenCase, inputOf } from "../case.ts";

/** Greedy sequences: the decoder's start token, the response, padding after eos. */
export async function t5Greedy(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const folder = join(golden.folder, "model");
  const model = openPolicyModel(folder);
  const { config } = model;
  using checkpoint = openCheckpoint(folder);
  const ids = inputOf(golden, "input_ids", "int64");
  const mask = inputOf(golden, "attention_mask", "int64");
  const [batch, source] = ids.dims as [number, number];
  const columns = golden.expected.get("sequences")?.dims[1] ?? 0;
  const prompts = Array.from({ length: batch }, (_, i): Prompt => {
    const at = Array.from({ length: source }, (_, j) => i * source + j);
    return {
      ids: at.filter((k) => mask.data[k] !== 0n).map((k) => Number(ids.data[k])),
      minNewTokens: 0,
      maxNewTokens: columns - 1,
      uniforms: (_start, count) => new Float32Array(count),
    };
  });
  await using generator = await Generator.create({ model, index: checkpoint }, runtime);
  const greedy = { doSample: false, temperature: 1, topK: 0, topP: 1 };
  const rows = prompts.map(() => [config.decoder_start_token_id]);
  // In chunks, so that the hand-over of caches is checked too.
  for await (const piece of generator.generate(prompts, greedy, {}, { chunkTokens: 7 })) {
    rows[piece.index]!.push(...piece.tokenIds);
  }
  const sequences = rows.flatMap((row) =>
    Array.from({ length: columns }, (_, t) => row[t] ?? config.pad_token_id)
  );
  return new Map([["sequences", int64([batch, columns], sequences)]]);
}
