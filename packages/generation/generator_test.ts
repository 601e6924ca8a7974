import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { buildForwardGraph, tokenBatch } from "@decorum/models";
import { assertClose, numbers, run } from "@decorum/testing/graph";
import { type GenerateOptions, Generator, type Piece } from "./generator.ts";
import type { Prompt, SamplingParams } from "./prompts.ts";
import { hot, prompt, prompts, responses, sampling, scripted } from "./testing/responses.ts";
import { tinyPolicy, VOCABULARY } from "./testing/tiny.ts";

const options = { intraOpThreads: 1 };

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
      const { feeds } = tokenBatch(sequences, spec.model.config);
      const { logprobs, values } = await run(
        buildForwardGraph(spec),
        { ...feeds, ...weights, temperature: float32([], [temperature]) },
      );
      assertClose(found.flatMap((r) => r.logprobs), numbers(logprobs), 1e-4);
      assertClose(found.flatMap((r) => r.values), numbers(values), 1e-4);
      assert.ok(found.some((r) => r.tokenIds.length === 20), "a long response is among them");
    }
  });

  await t.step("is the same in chunks, bit for bit", async () => {
    const whole = await generate(prompts);
    for (const chunkTokens of [1, 3, 20, 100]) {
      assert.deepEqual(await generate(prompts, sampling, { chunkTokens }), whole, `${chunkTokens}`);
    }
  });

  await t.step("encodes equal prompts once, and says the same", async () => {
    const [one, two] = [prompts[0]!.ids, prompts[1]!.ids];
    const ask = (ids: readonly number[], seed: number, maxNewTokens: number) =>
      prompt(ids, seed, { maxNewTokens });
    const batches = {
      "as many of each": [ask(one, 1, 12), ask(one, 2, 2), ask(two, 3, 9), ask(two, 4, 2)],
      "not as many": [ask(one, 1, 12), ask(one, 2, 7), ask(two, 3, 9)],
      "not in a row": [ask(one, 1, 12), ask(two, 2, 7), ask(one, 3, 9), ask(two, 4, 9)],
    };
    for (const [name, batch] of Object.entries(batches)) {
      const apart = await generate(batch);
      const shared = await generate(batch, sampling, { sharePrompts: true });
      assert.deepEqual(shared.map((r) => r.tokenIds), apart.map((r) => r.tokenIds), name);
      assertClose(shared.flatMap((r) => r.logprobs), apart.flatMap((r) => r.logprobs), 1e-5);
      assertClose(shared.flatMap((r) => r.values), apart.flatMap((r) => r.values), 1e-5);
      const chunks = await generate(batch, sampling, { sharePrompts: true, chunkTokens: 3 });
      assert.deepEqual(chunks, shared, `${name}, in chunks`);
    }
  });

  await t.step("draws a response from its own uniforms, whoever is beside it", async () => {
    const together = await generate(prompts);
    const turned = (await generate(prompts.toReversed())).toReversed();
    for (const [i, one] of prompts.entries()) {
      const [alone] = await generate([one]);
      for (const other of [together[i]!, turned[i]!]) {
        assert.deepEqual(alone!.tokenIds, other.tokenIds);
        assertClose(alone!.logprobs, other.logprobs, 1e-5);
        assertClose(alone!.values, other.values, 1e-5);
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
        const feeds = { ...tokenBatch(batch, spec.model.config).feeds, ...weights };
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
      assertClose(logprobs, tokenIds.map(() => -Math.log(VOCABULARY)), 1e-3);
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
    assertClose(found[2]!.logprobs, [0, 0, 0, 0].map(() => -Math.log(VOCABULARY)), 1e-3);
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
      assertClose(together[i]!.logprobs, alone!.logprobs, 1e-5);
      assertClose(together[i]!.values, alone!.values, 1e-5);
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
});
