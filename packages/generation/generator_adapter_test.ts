import assert from "node:assert/strict";
import { float32, type Tensor } from "@decorum/tensor";
import { buildForwardGraph, tokenBatch } from "@decorum/models";
import { assertClose, numbers, run } from "@decorum/testing/graph";
import { Generator, type Piece } from "./generator.ts";
import { prompts, responses, sampling } from "./testing/responses.ts";
import { type TinyPolicy, tinyPolicy } from "./testing/tiny.ts";

const options = { intraOpThreads: 1 };

/** What the full forward says of responses: log-probabilities and values, one after the other. */
async function forward({ spec, weights }: TinyPolicy, found: readonly { tokenIds: number[] }[]) {
  const sequences = found.map(({ tokenIds }, i) => ({
    query: prompts[i]!.ids,
    response: tokenIds,
  }));
  const { feeds } = tokenBatch(sequences, spec.model.config);
  const graph = buildForwardGraph(spec);
  const out = await run(graph, { ...feeds, ...weights, temperature: float32([], [1]) });
  return { logprobs: numbers(out["logprobs"]), values: numbers(out["values"]) };
}

Deno.test("an adapter of any target modules generates what the full forward sees", async (t) => {
  const choices: Record<string, readonly string[] | RegExp> = {
    ...Object.fromEntries(["q", "k", "v", "o", "wi_0", "wo"].map((name) => [name, [name]])),
    "q and v": ["q", "v"],
    "the attention": ["q", "k", "v", "o"],
    "the encoder": /^encoder/,
    "the decoder": /^decoder/,
    "cross-attention": /EncDecAttention/,
    "keys of the prompt": /EncDecAttention\.k$/,
    "one layer of the decoder": ["decoder.block.1.layer.0.SelfAttention.q"],
    "one layer of the encoder": ["encoder.block.1.layer.1.DenseReluDense.wo"],
  };
  for (const [name, targets] of Object.entries(choices)) {
    await t.step(name, async () => {
      using policy = tinyPolicy(targets);
      const { spec, weights } = policy;
      await using generator = await Generator.create(spec, options);
      const found = await responses(generator, prompts, sampling, weights);
      const expected = await forward(policy, found);
      assertClose(found.flatMap((r) => r.logprobs), expected.logprobs, 1e-4);
      assertClose(found.flatMap((r) => r.values), expected.values, 1e-4);
      const off = { ...weights, lora_scale: float32([], [0]) };
      const base = await responses(generator, prompts, sampling, off);
      assert.notDeepEqual(base.map((r) => r.logprobs), found.map((r) => r.logprobs));
    });
  }
});

Deno.test("layers with a rank and a scale of their own generate what the full forward sees", async () => {
  const [q, v] = [
    "encoder.block.0.layer.0.SelfAttention.q",
    "decoder.block.1.layer.0.SelfAttention.v",
  ];
  const patterns = { rankPattern: { [q!]: 1, [v!]: 4 }, alphaPattern: { [q!]: 9, [v!]: 1 } };
  using policy = tinyPolicy(["q", "v"], patterns);
  await using generator = await Generator.create(policy.spec, options);
  const found = await responses(generator, prompts, sampling, policy.weights);
  const expected = await forward(policy, found);
  assertClose(found.flatMap((r) => r.logprobs), expected.logprobs, 1e-4);
  const lora = { ...policy.spec.lora, alphaPattern: {} };
  const plain = await forward({ ...policy, spec: { ...policy.spec, lora } }, found);
  assert.notDeepEqual(plain.logprobs, expected.logprobs);
});

Deno.test("an adapter that is off generates other responses, and leaves no trace", async () => {
  using policy = tinyPolicy();
  const { spec, weights } = policy;
  await using generator = await Generator.create(spec, options);
  const generate = () => responses(generator, prompts, sampling, weights);
  const on = await generate();
  const off = { ...weights, lora_scale: float32([], [0]) };
  assert.notDeepEqual(await responses(generator, prompts, sampling, off), on);
  assert.deepEqual(await generate(), on, "what a run is fed leaves no trace");
});

Deno.test("a policy without value head or adapter generates too", async () => {
  using policy = tinyPolicy();
  const { model, index } = policy.spec;
  await using generator = await Generator.create({ model, index }, options);
  const pieces: Piece[] = [];
  for await (const piece of generator.generate(prompts, sampling, {})) pieces.push(piece);
  assert.equal(pieces.length, 3);
  assert.ok(pieces.every((p) => p.values === undefined && p.logprobs.length === p.tokenIds.length));
  const off: Record<string, Tensor> = { ...policy.weights, lora_scale: float32([], [0]) };
  await using adapted = await Generator.create(policy.spec, options);
  const same = await responses(adapted, prompts, sampling, off);
  assert.deepEqual(same.map((r) => r.tokenIds), pieces.map((p) => p.tokenIds));
});
