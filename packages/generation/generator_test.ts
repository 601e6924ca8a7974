import assert from "node:assert/strict";
import { float32, randomKey, type Tensor, uniforms } from "@decorum/tensor";
import { buildForwardGraph, tokenBatch } from "@decorum/models";
import { type GenerateOptions, Generator, type Piece, type PolicyFeeds } from "./generator.ts";
import type { Prompt, SamplingParams } from "./prompts.ts";
import { numbers, run, tinyPolicy, VOCABULARY } from "./testing/tiny.ts";

const sampling: SamplingParams = { doSample: true, temperature: 1, topK: 0, topP: 1 };
/** So hot that all words are alike: a uniform number of `(word + 0.5) / 40` draws that word. */
const hot = { ...sampling, temperature: 1e6 };
const options = { intraOpThreads: 1 };

function prompt(ids: readonly number[], seed: number, more: Partial<Prompt> = {}): Prompt {
  return {
    ids,
    minNewTokens: 0,
    maxNewTokens: 12,
    uniforms: (start, count) => uniforms(randomKey(seed, "draws"), start, count),
    ...more,
  };
}

/** A prompt whose response is these words, at the temperature of `hot`. */
function scripted(words: readonly number[], more: Partial<Prompt> = {}): Prompt {
  const column = words.map((word) => (word + 0.5) / VOCABULARY);
  return prompt([5, 6, 1], 0, {
    maxNewTokens: words.length,
    uniforms: (start, count) => Float32Array.from(column.slice(start, start + count)),
    ...more,
  });
}

interface Response {
  readonly tokenIds: number[];
  readonly logprobs: number[];
  readonly values: number[];
  finishReason: Piece["finishReason"];
}

/** Whole responses, put together from their pieces. */
async function responses(
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

const prompts = [
  prompt([5, 6, 7, 1], 1),
  prompt([11, 3, 4, 30, 31, 32, 33, 12, 13, 1], 2, { maxNewTokens: 20 }),
  prompt([39], 3, { maxNewTokens: 7, minNewTokens: 5 }),
];

function assertNear(found: readonly number[], expected: readonly number[], tolerance: number) {
  assert.equal(found.length, expected.length);
  found.forEach((x, i) => assert.ok(Math.abs(x - expected[i]!) <= tolerance, `${i}: ${x}`));
}

Deno.test("generation with a cache", async (t) => {
  using policy = tinyPolicy();
  const { spec, weights } = policy;
  await using generator = await Generator.create(spec, options);
  const generate = (
    batch: readonly Prompt[],
    params: SamplingParams = sampling,
    more: GenerateOptions = {},
  ) => responses(generator, batch, params, weights, more);

  await t.step("has the log-probabilities and values of the full forward", async () => {
    for (const temperature of [1, 0.6]) {
      const found = await generate(prompts, { ...sampling, temperature, topK: 30 });
      const sequences = found.map(({ tokenIds }, i) => ({
        query: prompts[i]!.ids,
        response: tokenIds,
      }));
      const { feeds } = tokenBatch(sequences, spec.config);
      const { logprobs, values } = await run(
        buildForwardGraph(spec),
        { ...feeds, ...weights, temperature: float32([], [temperature]) },
      );
      assertNear(found.flatMap((r) => r.logprobs), numbers(logprobs), 1e-4);
      assertNear(found.flatMap((r) => r.values), numbers(values), 1e-4);
      assert.ok(found.some((r) => r.tokenIds.length === 20), "a long response is among them");
    }
  });

  await t.step("is the same in chunks, bit for bit", async () => {
    const whole = await generate(prompts);
    for (const chunkTokens of [1, 3, 20, 100]) {
      assert.deepEqual(await generate(prompts, sampling, { chunkTokens }), whole, `${chunkTokens}`);
    }
  });

  await t.step("draws a response from its own uniforms, whoever is beside it", async () => {
    const together = await generate(prompts);
    const turned = (await generate(prompts.toReversed())).toReversed();
    for (const [i, one] of prompts.entries()) {
      const [alone] = await generate([one]);
      for (const other of [together[i]!, turned[i]!]) {
        assert.deepEqual(alone!.tokenIds, other.tokenIds);
        assertNear(alone!.logprobs, other.logprobs, 1e-5);
        assertNear(alone!.values, other.values, 1e-5);
      }
    }
    const [other] = await generate([{ ...prompts[1]!, uniforms: prompts[0]!.uniforms }]);
    assert.notDeepEqual(other!.tokenIds, together[1]!.tokenIds);
  });

  await t.step(
    "greedy is the likeliest word at each step, as the full forward sees it",
    async () => {
      const [found] = await generate([prompts[1]!], { ...sampling, doSample: false });
      const { query, response } = { query: prompts[1]!.ids, response: found!.tokenIds };
      for (const step of [0, 1, response.length - 1]) {
        const batch = Array.from({ length: VOCABULARY }, (_, word) => ({
          query,
          response: [...response.slice(0, step), word],
          mask: [...Array<boolean>(step).fill(false), true],
        }));
        const feeds = { ...tokenBatch(batch, spec.config).feeds, ...weights };
        const { logprobs } = await run(
          buildForwardGraph(spec),
          { ...feeds, temperature: float32([], [1]) },
        );
        const scores = numbers(logprobs);
        assert.equal(scores.indexOf(Math.max(...scores)), response[step]);
      }
    },
  );

  await t.step("ends at eos, or at each prompt's own maximum", async () => {
    const found = await generate([
      scripted([9, 8, 1, 7, 7, 7]),
      scripted([9, 8, 7], { maxNewTokens: 2 }),
      scripted([30, 31, 32, 33, 34, 35]),
      scripted([1, 2]),
    ], hot);
    assert.deepEqual(found.map((r) => [r.tokenIds, r.finishReason]), [
      [[9, 8, 1], "eos"],
      [[9, 8], "length"],
      [[30, 31, 32, 33, 34, 35], "length"],
      [[1], "eos"],
    ]);
    for (const { tokenIds, logprobs, values } of found) {
      assertNear(logprobs, tokenIds.map(() => -Math.log(VOCABULARY)), 1e-3);
      assert.equal(values.length, tokenIds.length);
    }
  });

  await t.step("a pad id that is drawn is a token like others", async () => {
    const [found] = await generate([scripted([0, 9, 0, 1, 5])], hot);
    assert.deepEqual(found!.tokenIds, [0, 9, 0, 1]);
  });

  await t.step("draws no eos before the minimum, which does not count it", async () => {
    const eos = 1.5 / VOCABULARY;
    const always = (minNewTokens: number) =>
      prompt([5, 1], 0, {
        minNewTokens,
        maxNewTokens: 6,
        uniforms: (_, count) => new Float32Array(count).fill(eos),
      });
    const found = await generate([always(0), always(1), always(3), always(6)], hot);
    // Without eos word 2 is where it was: 1.5 / 40 of 39 words is the second of 0, 2, 3, ..
    assert.deepEqual(found.map((r) => r.tokenIds), [
      [1],
      [2, 1],
      [2, 2, 2, 1],
      [2, 2, 2, 2, 2, 2],
    ]);
    assert.equal(found[3]!.finishReason, "length");
    assertNear(found[2]!.logprobs, [0, 0, 0, 0].map(() => -Math.log(VOCABULARY)), 1e-3);
  });

  await t.step("runs no more chunks than each response needs", async () => {
    const calls: [row: number, start: number][] = [];
    const counted = (words: readonly number[], row: number) => {
      const own = scripted([...words, ...Array<number>(28).fill(9)]);
      const uniforms = (start: number, count: number) => {
        calls.push([row, start]);
        return own.uniforms(start, count);
      };
      return { ...own, uniforms };
    };
    const batch = [counted([9, 8, 1], 0), counted([7, 7, 7, 7, 1], 1)];
    const found = await generate(batch, hot, { chunkTokens: 4 });
    assert.deepEqual(found.map((r) => r.tokenIds.length), [3, 5]);
    assert.deepEqual(calls, [[0, 0], [1, 0], [1, 4]], "who has ended is not there any more");
  });

  await t.step("rows that have ended and are dropped change nothing for the others", async () => {
    const many = [3, 12, 5, 20, 4, 9, 7, 16].map((maxNewTokens, i) =>
      prompt(
        Array.from({ length: 1 + (i * 5) % 11 }, (_, t) => 3 + (i * 7 + t * 11) % 36),
        40 + i,
        {
          maxNewTokens,
          minNewTokens: maxNewTokens,
        },
      )
    );
    const together = await generate(many);
    for (const chunkTokens of [1, 6]) {
      assert.deepEqual(await generate(many, sampling, { chunkTokens }), together, `${chunkTokens}`);
    }
    for (const [i, one] of many.entries()) {
      const [alone] = await generate([one]);
      assert.deepEqual(together[i]!.tokenIds, alone!.tokenIds);
      assert.equal(alone!.tokenIds.length, one.maxNewTokens);
      assertNear(together[i]!.logprobs, alone!.logprobs, 1e-5);
      assertNear(together[i]!.values, alone!.values, 1e-5);
    }
  });

  await t.step("yields pieces as they come, and stops where its reader stops", async () => {
    const pieces: Piece[] = [];
    const words = scripted([9, 8, 7, 6, 5, 4, 3]);
    const stream = generator.generate([words], hot, weights, { chunkTokens: 2 });
    for await (const piece of stream) {
      pieces.push(piece);
      if (pieces.length === 2) break;
    }
    assert.deepEqual(pieces.map((p) => [p.tokenIds, p.finishReason]), [
      [[9, 8], undefined],
      [[7, 6], undefined],
    ]);
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(generate([words], hot, { signal }), /enough/);
  });

  await t.step("an adapter that is off, and another one, generate other responses", async () => {
    const on = await generate(prompts);
    const off = { ...weights, lora_scale: float32([], [0]) };
    assert.notDeepEqual(await responses(generator, prompts, sampling, off), on);
    assert.deepEqual(await generate(prompts), on, "what a run is fed leaves no trace");
  });

  await t.step(
    "refuses what makes no distribution or no batch, and says what it was given",
    async () => {
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
          generate(batch, { ...sampling, ...params }, more),
          (error) => error instanceof RangeError && expected.test(error.message),
          `${expected}`,
        );
      }
    },
  );
});

Deno.test("a policy without value head or adapter generates too", async () => {
  using policy = tinyPolicy();
  const { config, index } = policy.spec;
  await using generator = await Generator.create({ config, index }, options);
  const pieces: Piece[] = [];
  for await (const piece of generator.generate(prompts, sampling, {})) pieces.push(piece);
  assert.equal(pieces.length, 3);
  assert.ok(pieces.every((p) => p.values === undefined && p.logprobs.length === p.tokenIds.length));
  const off: Record<string, Tensor> = { ...policy.weights, lora_scale: float32([], [0]) };
  await using adapted = await Generator.create(policy.spec, options);
  const same = await responses(adapted, prompts, sampling, off);
  assert.deepEqual(same.map((r) => r.tokenIds), pieces.map((p) => p.tokenIds));
});
