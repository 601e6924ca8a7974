import assert from "node:assert/strict";
import { baseModelHash } from "@decorum/models";
import type { RpcError } from "@decorum/rpc";
import type { Tensor } from "@decorum/tensor";
import { generate, group, prompts, push, type Sequence, startPolicy } from "./testing/fixture.ts";
import { TinyT5 } from "@decorum/testing/t5";

function assertNear(found: readonly number[], expected: readonly number[], tolerance: number) {
  assert.equal(found.length, expected.length);
  const worst = Math.max(0, ...found.map((x, i) => Math.abs(x - expected[i]!)));
  assert(worst <= tolerance, `they differ by ${worst}, at most ${tolerance} is allowed`);
}

Deno.test("generation through the service", async (t) => {
  using folder = new TinyT5({ tokenizer: true });
  await using service = await startPolicy(folder.model);
  const { client, metrics } = service;
  await push(service, {}, "version 1");

  const version = { kind: "WEIGHTS_KIND_VERSION", runId: "r1", version: 1 } as const;
  const alone = await generate(client, group({ weights: version, returnRefLogprobs: true }));

  await t.step("every sequence is complete, with what was asked for", () => {
    assert.deepEqual(Object.keys(alone.sequences).sort(), ["p0", "p1", "p2", "p3", "p4"]);
    for (const [key, sequence] of Object.entries(alone.sequences)) {
      const { tokenIds, logprobs, values, refLogprobs, finishReason, text } = sequence;
      assert(tokenIds.length >= 1 && tokenIds.length <= 12);
      assert.equal(logprobs.length, tokenIds.length);
      assert.equal(values.length, tokenIds.length);
      assert.equal(refLogprobs.length, tokenIds.length);
      assert(logprobs.every((x) => x <= 0) && refLogprobs.every((x) => x <= 0));
      const ended = tokenIds.at(-1) === 1;
      assert.equal(finishReason, ended ? "FINISH_REASON_EOS" : "FINISH_REASON_LENGTH");
      assert.equal(text, "");
      const sent = prompts(5).find((prompt) => prompt.key === key);
      assert.equal(sequence.promptTokens, sent?.tokenIds?.ids?.length);
    }
    assert(Object.values(alone.sequences).some(({ values }) => values.some((v) => v !== 0)));
    for (const { kind, runId, version, sha256 } of alone.weights) {
      assert.deepEqual({ kind, runId, version }, {
        kind: "WEIGHTS_KIND_VERSION",
        runId: "r1",
        version: 1,
      });
      assert.equal(sha256.length, 32);
    }
  });

  await t.step("a group is bit-equal beside other load, and streamed", async () => {
    const load = Array.from(
      { length: 4 },
      (_, i) =>
        generate(client, group({ prompts: prompts(3, `load${i}-`), asSent: i % 2 === 0, seed: i })),
    );
    const request = group({ weights: version, returnRefLogprobs: true });
    const [beside, streamed] = await Promise.all([
      generate(client, request),
      generate(client, { ...request, streamChunks: true }),
      ...load,
    ]);
    assert.deepEqual(beside.sequences, alone.sequences);
    for (const [key, { chunks, ...sequence }] of Object.entries(streamed.sequences)) {
      const { chunks: one, ...expected } = alone.sequences[key]!;
      assert.deepEqual(sequence, expected);
      assert.equal(one, 1);
      assert.equal(chunks, Math.ceil(sequence.tokenIds.length / 4));
    }
  });

  await t.step("a group is bit-equal on another replica", async () => {
    await using other = await startPolicy(folder.model);
    await push(other, {}, "version 1");
    const request = group({ weights: version, returnRefLogprobs: true });
    const replica = await generate(other.client, request);
    assert.deepEqual(replica.sequences, alone.sequences);
    assert.deepEqual(replica.weights[0], alone.weights[0]);
  });

  await t.step("requests of others run together and give what they give alone", async () => {
    const requests = prompts(4, "b").map((prompt, i) =>
      group({ prompts: [prompt], asSent: false, seed: i, weights: version })
    );
    const one = [];
    for (const request of requests) one.push(await generate(client, request));
    const before = await batches();
    const together = await Promise.all(requests.map((request) => generate(client, request)));
    assert((await batches()) - before < 4, "at least two requests ran together");
    for (const [i, { sequences }] of together.entries()) {
      for (const [key, sequence] of Object.entries(sequences)) {
        const expected: Sequence = one[i]!.sequences[key]!;
        assert.deepEqual(sequence.tokenIds, expected.tokenIds);
        assertNear(sequence.logprobs, expected.logprobs, 1e-5);
        assertNear(sequence.values, expected.values, 1e-5);
      }
    }

    async function batches(): Promise<number> {
      const { body } = await metrics.render();
      return Number(/decorum_batch_size_count\{[^}]*\} (\d+)/.exec(body)?.[1]);
    }
  });

  await t.step("draws depend on seed and key alone", async () => {
    const [first] = prompts(1, "x");
    const ids = first!.tokenIds!;
    const named = (key: string, seed: number) =>
      generate(client, group({ prompts: [{ key, tokenIds: ids }], seed }))
        .then(({ sequences }) => sequences[key]!.tokenIds);
    assert.deepEqual(await named("x", 5), await named("x", 5));
    assert.notDeepEqual(await named("x", 5), await named("x", 6));
    assert.notDeepEqual(await named("x", 5), await named("y", 5));
  });

  await t.step("greedy decoding does not read the seed; min and max new tokens hold", async () => {
    const greedy = (seed: number) =>
      generate(client, group({ seed, sampling: { minNewTokens: 5, maxNewTokens: 9 } }));
    const first = await greedy(1);
    assert.deepEqual((await greedy(2)).sequences, first.sequences);
    for (const { tokenIds } of Object.values(first.sequences)) {
      assert(tokenIds.length >= 5 && tokenIds.length <= 9);
      assert(!tokenIds.slice(0, 5).includes(1));
    }
    const [a, b] = prompts(2);
    const own = await generate(
      client,
      group({ prompts: [{ ...a!, maxNewTokens: 1 }, b!], sampling: { maxNewTokens: 9 } }),
    );
    assert.equal(own.sequences["p0"]?.tokenIds.length, 1);
  });

  await t.step("ref_logprobs are the log-probabilities under START", async () => {
    // Version 2 is the base: its adapter's B is 0, so both sides are the same distribution.
    const { feeds } = service.policy.store.base;
    const base = new Map(
      [...service.policy.shapes.keys()].map((name) => [name, feeds[name] as Tensor<"float32">]),
    );
    await push(service, { expectedVersion: 1 }, base);
    const { sequences } = await generate(
      client,
      group({
        returnRefLogprobs: true,
        sampling: { doSample: true, temperature: 0.7, maxNewTokens: 12 },
      }),
    );
    for (const { logprobs, refLogprobs } of Object.values(sequences)) {
      assertNear(refLogprobs, logprobs, 1e-5);
    }
    const start = await generate(
      client,
      group({ weights: { kind: "WEIGHTS_KIND_START" }, returnRefLogprobs: true }),
    );
    for (const { logprobs, refLogprobs } of Object.values(start.sequences)) {
      assert.deepEqual(refLogprobs, logprobs);
    }
    assert(
      Object.values(alone.sequences).some(({ logprobs, refLogprobs }) =>
        logprobs.some((x, i) => Math.abs(x - refLogprobs[i]!) > 1e-3)
      ),
      "the pushed adapter changes the distribution",
    );
  });

  await t.step("weights by name: base, start, versions, newest", async () => {
    const of = async (kind: "BASE" | "START" | "VERSION" | "UNSPECIFIED", version = 0) => {
      const { sequences, weights } = await generate(
        client,
        group({ weights: { kind: `WEIGHTS_KIND_${kind}`, runId: "r1", version } }),
      );
      return { sequences, label: `${weights[0]?.kind} ${weights[0]?.version}` };
    };
    const one = await of("VERSION", 1);
    const two = await of("VERSION", 2);
    const base = await of("BASE");
    assert.equal(one.label, "WEIGHTS_KIND_VERSION 1");
    assert.equal(base.label, "WEIGHTS_KIND_BASE 0");
    assert.equal((await of("START")).label, "WEIGHTS_KIND_START 0");
    assert.notDeepEqual(one.sequences, two.sequences);
    // An adapter of zeros and the adapter turned off are the same, bit for bit.
    assert.deepEqual(two.sequences, base.sequences);
    assert.deepEqual((await of("START")).sequences, base.sequences);
    const newest = await of("UNSPECIFIED");
    assert.equal(newest.label, "WEIGHTS_KIND_VERSION 2");
    assert.deepEqual(newest.sequences, two.sequences);
    await assert.rejects(of("VERSION", 7), (error: RpcError) => {
      assert.equal(error.code, "NOT_FOUND");
      assert.match(error.message, /versions held of it are 1, 2/);
      return true;
    });
    const other = group({ weights: { ...version, runId: "another" } });
    await assert.rejects(generate(client, other), { code: "NOT_FOUND" });
  });

  await t.step("text in and out", async () => {
    const { sequences } = await generate(
      client,
      group({ prompts: [{ key: "t", text: "hello there" }], returnText: true }),
    );
    const { text, tokenIds, promptTokens } = sequences["t"]!;
    // One piece a letter, a space before each word, the end.
    assert.equal(promptTokens, 13);
    const pieces = tokenIds.filter((id) => id >= 4 && id < 30).length;
    assert.equal(text.replaceAll(" ", "").length, pieces);
  });

  await t.step(
    "prompts that are shared are encoded once, and say what they say apart",
    async () => {
      const encoded = async () => {
        const { body } = await metrics.render();
        return Number(/^decorum_policy_encoded_prompts_total (\d+)/m.exec(body)![1]);
      };
      const [a, b] = prompts(2).map(({ tokenIds }) => ({ tokenIds: tokenIds! }));
      for (const asSent of [true, false]) {
        // As the trainer sends them, and in turns, which the service puts in order.
        const order = asSent ? [a, a, a, b, b, b] : [a, b, a, b, a, b];
        const request = group({
          prompts: order.map((prompt, i) => ({ key: `${i}`, ...prompt! })),
          ...{ asSent, weights: version, returnRefLogprobs: true },
        });
        const before = await encoded();
        const apart = await generate(client, request);
        assert.equal(await encoded() - before, 6);
        const shared = await generate(client, { ...request, sharePrompts: true });
        assert.equal(await encoded() - before, 8);
        for (
          const [key, { tokenIds, logprobs, values, refLogprobs }] of Object.entries(
            apart.sequences,
          )
        ) {
          const found = shared.sequences[key]!;
          assert.deepEqual(found.tokenIds, tokenIds);
          assertNear(found.logprobs, logprobs, 1e-5);
          assertNear(found.values, values, 1e-5);
          assertNear(found.refLogprobs, refLogprobs, 1e-5);
        }
      }
    },
  );

  await t.step("what the model is", async () => {
    const info = await client.getModelInfo({});
    assert.equal(info.baseModelHash, await baseModelHash(folder.model));
    assert.match(info.tokenizerHash, /^[0-9a-f]{64}$/);
    assert.equal(JSON.parse(info.configJson).d_model, 16);
    assert.equal(info.precision, "fp32");
    assert.ok(info.sharesPrompts);
    assert.deepEqual(info.adaptableModules, ["q", "k", "v", "o", "wi_0", "wi_1", "wo"]);
    assert.equal(info.limits?.maxPrompts, 8);
    assert.equal(info.limits?.keptVersions, 2);
    const elements = [...service.policy.shapes.values()]
      .map((dims) => dims.reduce((n, d) => n * d, 1)).reduce((a, b) => a + b);
    assert.equal(info.limits?.maxUploadBytes, 4 * elements);
  });

  await t.step("a request that cannot be served says why", async () => {
    const refused = async (
      some: Parameters<typeof group>[0],
      message: RegExp,
      code = "INVALID_ARGUMENT",
    ) => {
      await assert.rejects(generate(client, group(some)), (error: RpcError) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      });
    };
    const ids = (key: string, ...ids: number[]) => ({ key, tokenIds: { ids } });
    const sampling = { doSample: true, maxNewTokens: 4 };
    await refused({ prompts: [] }, /0 prompts: expected 1 to 8/);
    await refused({ prompts: prompts(9) }, /9 prompts/);
    await refused(
      { prompts: [ids("a", ...Array(25).fill(3))] },
      /"a": it has 25 tokens, at most 24/,
    );
    await refused({ prompts: [ids("a", 3, 40)] }, /token 1 has id 40.*expected 0 to 39/);
    await refused({ prompts: [ids("a")] }, /"a": it has no tokens/);
    await refused({ prompts: [{ key: "a" }] }, /"a": it has no tokens/);
    await refused({ prompts: [ids("a", 3), ids("a", 4)] }, /two prompts have the key "a"/);
    await refused({ prompts: [{ key: "a", text: "a".repeat(30) }] }, /at most 24/);
    await refused({ prompts: [{ key: "a", text: "a ".repeat(9999) }] }, /19998 characters/);
    await refused({ sampling: null }, /sampling is missing/);
    await refused({ sampling: {} }, /max_new_tokens is 0, expected 1 to 200/);
    await refused({ sampling: { maxNewTokens: 201 } }, /max_new_tokens is 201/);
    await refused({ sampling: { maxNewTokens: 2, minNewTokens: 3 } }, /min_new_tokens is 3/);
    await refused({ sampling: { ...sampling, temperature: 0 } }, /temperature 0/);
    await refused({ sampling: { ...sampling, temperature: NaN } }, /temperature NaN/);
    await refused({ sampling: { ...sampling, topP: 1.5 } }, /top_p 1.5/);
    await refused({ sampling: { ...sampling, topP: 0 } }, /top_p 0/);
    await refused({ seed: 2 ** 60 }, /seed/);
  });

  await t.step("metrics tell of batches, tokens and weights", async () => {
    const { body } = await metrics.render();
    for (
      const line of [
        /^decorum_queue_depth\{queue="generate"\} 0$/m,
        /^decorum_queue_tokens\{queue="generate"\} 0$/m,
        /^decorum_batch_size_count\{queue="generate"\} \d+/m,
        /^decorum_batch_tokens_total\{queue="generate",kind="padding"\} \d+/m,
        /^decorum_policy_generated_tokens_total \d+/m,
        /^decorum_policy_first_token_seconds_count \d+/m,
        /^decorum_policy_weights_version\{run_id="r1"\} 2$/m,
        /^decorum_policy_weight_pushes_total\{outcome="committed"\} 2$/m,
        /^decorum_policy_weight_commit_seconds_count 2$/m,
      ]
    ) assert.match(body, line);
  });
});

Deno.test("a model without a tokenizer takes ids and says so to text", async () => {
  using folder = new TinyT5();
  await using service = await startPolicy(folder.model);
  const { client } = service;
  assert.equal((await client.getModelInfo({})).tokenizerHash, "");
  assert.equal(Object.keys((await generate(client, group())).sequences).length, 5);
  const text = group({ prompts: [{ key: "t", text: "hi" }] });
  await assert.rejects(generate(client, text), { code: "FAILED_PRECONDITION" });
  await assert.rejects(generate(client, group({ returnText: true })), {
    code: "FAILED_PRECONDITION",
  });
});
