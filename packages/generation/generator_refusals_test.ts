import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { type GenerateOptions, Generator } from "./generator.ts";
import type { Prompt, SamplingParams } from "./prompts.ts";
import { prompt, responses, sampling } from "./testing/responses.ts";
import { tinyPolicy } from "./testing/tiny.ts";

Deno.test("generation refuses what makes no distribution or no batch, and says what it was given", async () => {
  using policy = tinyPolicy();
  await using generator = await Generator.create(policy.spec, { intraOpThreads: 1 });
  const good = prompt([5, 1], 1);
  const cases: [readonly Prompt[], Partial<SamplingParams>, GenerateOptions, RegExp][] = [
    [[], {}, {}, /Cannot generate for 0 prompts: expected 1 or more/],
    [[good, prompt([], 1)], {}, {}, /prompt 1 has no tokens/],
    [[prompt([3, 40], 1)], {}, {}, /prompt 0 has token id 40; expected 0 to 39/],
    [[prompt([-1], 1)], {}, {}, /prompt 0 has token id -1; expected 0 to 39/],
    [[{ ...good, maxNewTokens: 0 }], {}, {}, /prompt 0 asks for 0 to 0 new tokens; expected/],
    [[{ ...good, minNewTokens: 13 }], {}, {}, /prompt 0 asks for 13 to 12 new tokens/],
    [[{ ...good, minNewTokens: -1 }], {}, {}, /prompt 0 asks for -1 to 12 new tokens/],
    [[{ ...good, minNewTokens: NaN }], {}, {}, /prompt 0 asks for NaN to 12 new tokens/],
    [[{ ...good, maxNewTokens: 2.5 }], {}, {}, /prompt 0 asks for 0 to 2\.5 new tokens/],
    [[good], { temperature: 0 }, {}, /temperature 0: expected more than 0/],
    [[good], { temperature: NaN }, {}, /temperature NaN: expected more than 0/],
    [[good], { temperature: Infinity }, {}, /temperature Infinity: expected/],
    [[good], { topK: -1 }, {}, /top_k -1: expected an integer of 0/],
    [[good], { topK: 1.5 }, {}, /top_k 1\.5: expected an integer/],
    [[good], { topP: 0 }, {}, /top_p 0: expected more than 0 and at most 1/],
    [[good], { topP: 1.1 }, {}, /top_p 1\.1: expected more than 0 and at most 1/],
    [[good], {}, { chunkTokens: 0 }, /in chunks of 0 tokens: expected an integer of 1 or more/],
    [[good], {}, { chunkTokens: NaN }, /in chunks of NaN tokens/],
    [
      [{ ...good, uniforms: () => new Float32Array(3) }],
      {},
      {},
      /the uniforms of prompt 0 from 0 are 3; expected 12 numbers in \[0, 1\)/,
    ],
    [
      [{ ...good, uniforms: (_, count) => new Float32Array(count).fill(1) }],
      {},
      {},
      /the uniforms of prompt 0 from 0 are 1 at 0; expected 12 numbers/,
    ],
  ];
  for (const [batch, params, more, expected] of cases) {
    await assert.rejects(
      responses(generator, batch, { ...sampling, ...params }, policy.weights, more),
      (error) => error instanceof InputError && expected.test(error.message),
      `${expected}`,
    );
  }
});
