import assert from "node:assert/strict";
import { buildDecodeGraph, buildEncodeGraph, cacheNames, Generator } from "@decorum/generation";
import { PolicyLearner } from "@decorum/learning";
import { buildForwardGraph, openCheckpoint, openPolicyModel, tokenBatch } from "@decorum/models";
import { float32, int64, type Tensor, tensor, zeros } from "@decorum/tensor";
import { goldenModel, lora, trainedOf, wholePpo } from "./emitted_graphs.ts";
import { halves, policyCase, run, sequences } from "./half_runs.ts";

for (const computeType of halves) {
  Deno.test(`ratio is 1 within 1e-2 between decoding with a cache and a whole forward in ${computeType}`, async () => {
    const { config, index, spec, weights } = policyCase(computeType);
    using _index = index;
    const batch = sequences.length;
    const { input_ids, attention_mask } = tokenBatch(sequences, config).feeds;
    const { encoder_hidden } = await run(buildEncodeGraph(spec), {
      ...{ input_ids: input_ids!, attention_mask: attention_mask! },
      ...weights,
    });
    const present = Array.from(attention_mask!.data, Number).map((counts, i) => counts ? i : -1);
    const steps = 8;
    const caches = Array.from({ length: config.num_decoder_layers }, (_, i) => {
      const [keys, values] = cacheNames(i);
      return {
        [keys]: zeros("float32", [batch, config.num_attention_heads, 0, config.head_dim]),
        [values]: zeros("float32", [batch, config.num_attention_heads, 0, config.head_dim]),
      };
    });
    const out = await run(buildDecodeGraph(spec), {
      ...weights,
      ...Object.assign({}, ...caches) as Record<string, Tensor>,
      encoder_hidden: encoder_hidden!,
      source_rows: int64(input_ids!.dims, present),
      prompt_of: int64([batch], Array.from({ length: batch }, (_, i) => i)),
      tokens: int64([batch], Array(batch).fill(config.decoder_start_token_id)),
      done: zeros("bool", [batch]),
      uniforms: float32(
        [steps, batch],
        Array.from({ length: steps * batch }, (_, i) => (i * 0.37) % 1),
      ),
      min_new_tokens: int64([batch], Array(batch).fill(steps)),
      max_new_tokens: int64([batch], Array(batch).fill(steps)),
      do_sample: tensor("bool", [], Uint8Array.of(1)),
      top_k: int64([], [0]),
      top_p: float32([], [1]),
    });
    for (const [name, value] of Object.entries(out)) {
      if (name.startsWith("next_past_")) assert.equal(value.dtype, "float32");
    }
    const column = (name: string, i: number) =>
      Array.from({ length: steps }, (_, t) => Number(out[name]!.data[t * batch + i]));
    const rolled = sequences.map(({ query }, i) => ({ query, response: column("token_ids", i) }));
    const whole = await run(buildForwardGraph(spec), {
      ...tokenBatch(rolled, config).feeds,
      ...weights,
    });
    const logprobs = sequences.flatMap((_, i) => column("logprobs", i));
    logprobs.forEach((old, i) => {
      const ratio = Math.exp(Number(whole["logprobs"]!.data[i]) - old);
      assert.ok(Math.abs(ratio - 1) < 1e-2, `token ${i}: ${ratio}`);
    });
  });
}

for (const sharePrompts of [false, true]) {
  const how = sharePrompts ? "prompts encoded once" : "each response with its prompt";
  Deno.test(`precision is one option: a learner and a generator in fp16 agree, ${how}`, async () => {
    const { index, spec, weights } = policyCase("float32");
    using _index = index;
    const runtime = { precision: "fp16", intraOpThreads: 1 } as const;
    await using generator = await Generator.create(spec, runtime);
    assert.equal(generator.spec.computeType, "float16");
    const twice = sequences.flatMap((sequence) => [sequence, sequence]);
    const prompts = twice.map(({ query }, row) => ({
      ids: query,
      minNewTokens: 5,
      maxNewTokens: 5,
      uniforms: (start: number, count: number) =>
        Float32Array.from({ length: count }, (_, i) => ((start + i) * 0.31 + row * 0.07) % 1),
    }));
    const sampling = { doSample: true, temperature: 1, topK: 0, topP: 1 };
    const params = new Map(
      trainedOf(spec).map((name) => [name, weights[name] as Tensor<"float32">]),
    );
    const adapter = new Map([...params].filter(([name]) => !name.startsWith("v_head.")));
    const valueHead = new Map([...params].filter(([name]) => name.startsWith("v_head.")));
    await using learner = await PolicyLearner.create({
      model: { model: spec.model, index },
      lora,
      adapter,
      valueHead,
      optimizer: { learningRate: 1e-3 },
      ...{ runtime, sharePrompts },
    }, wholePpo);
    // Chunks of 2 hand the caches over at the graph's boundary.
    const responses: { tokens: number[]; logprobs: number[] }[] = prompts.map(() => ({
      tokens: [],
      logprobs: [],
    }));
    const options = { chunkTokens: 2, sharePrompts };
    for await (const piece of generator.generate(prompts, sampling, weights, options)) {
      responses[piece.index]!.tokens.push(...piece.tokenIds);
      responses[piece.index]!.logprobs.push(...piece.logprobs);
    }
    const rolled = twice.map(({ query }, i) => ({ query, response: responses[i]!.tokens }));
    const predictions = await learner.forward(rolled);
    predictions.forEach(({ logprobs }, i) => {
      logprobs.forEach((x, t) => {
        assert.ok(Math.abs(Math.exp(x - responses[i]!.logprobs[t]!) - 1) < 1e-2);
      });
    });
    const samples = rolled.map((sequence, i) => ({
      sequence,
      oldLogprobs: predictions[i]!.logprobs,
      oldValues: predictions[i]!.values,
      advantages: new Float32Array(5).fill(1),
      returns: new Float32Array(5),
    }));
    const { applied, gradNorm } = await learner.update(samples);
    assert.ok(applied && gradNorm > 0);
  });
}

Deno.test("bf16 on the CPU is refused with what is possible instead", async () => {
  const model = goldenModel("t5_lora_grad_flan");
  using index = openCheckpoint(model);
  const expected =
    /^InputError: Cannot create session ".*": precision "bf16" on execution provider "cpu".*"fp16"/;
  const runtime = { precision: "bf16" } as const;
  const optimizer = { learningRate: 1e-3 };
  await assert.rejects(
    Generator.create({ model: openPolicyModel(model), index }, runtime),
    expected,
  );
  await assert.rejects(
    PolicyLearner.create({ model, lora, optimizer, runtime }, wholePpo),
    expected,
  );
});
