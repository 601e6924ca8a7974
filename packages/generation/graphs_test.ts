import assert from "node:assert/strict";
import { float32, int64, type Tensor, tensor, zeros } from "@decorum/tensor";
import { numbers, run } from "@decorum/testing/graph";
import { buildDecodeGraph, cacheNames } from "./graphs.ts";
import { gaussian, type TinyPolicy, tinyPolicy, VOCABULARY } from "./testing/tiny.ts";

/** Decodes at a temperature at which all words are alike: row t of `words` is what step t draws. */
function decode(policy: TinyPolicy, words: readonly (readonly number[])[], max: readonly number[]) {
  const batch = max.length;
  const { num_decoder_layers, num_attention_heads: heads, head_dim, hidden_size } =
    policy.spec.model.config;
  const caches: Record<string, Tensor> = {};
  for (let i = 0; i < num_decoder_layers; i++) {
    for (const name of cacheNames(i)) caches[name] = zeros("float32", [batch, heads, 0, head_dim]);
  }
  return run(buildDecodeGraph(policy.spec), {
    ...policy.weights,
    ...caches,
    encoder_hidden: gaussian("encoder", [batch * 4, hidden_size], 1),
    source_rows: int64([batch, 4], Array.from({ length: 4 * batch }, (_, i) => i)),
    prompt_of: int64([batch], Array.from({ length: batch }, (_, i) => i)),
    tokens: int64([batch], Array(batch).fill(0)),
    done: zeros("bool", [batch]),
    uniforms: float32(
      [words.length, batch],
      words.flat().map((word) => (word + 0.5) / VOCABULARY),
    ),
    min_new_tokens: int64([batch], Array(batch).fill(0)),
    max_new_tokens: int64([batch], max),
    temperature: float32([], [1e6]),
    do_sample: tensor("bool", [], Uint8Array.of(1)),
    top_k: int64([], [0]),
    top_p: float32([], [1]),
  });
}

Deno.test("after its end a row has padding of log-probability and value 0; the loop ends with the last row", async () => {
  using policy = tinyPolicy();
  const steps = [[9, 1, 20], [8, 30, 21], [1, 31, 22], [7, 32, 23], [6, 33, 24]];
  const out = await decode(policy, steps, [5, 5, 2]);
  const ids = out["token_ids"]!;
  assert.deepEqual(ids.dims, [3, 3], "three of five steps run");
  assert.deepEqual(numbers(ids), [9, 1, 20, 8, 0, 21, 1, 0, 0]);
  for (const name of ["logprobs", "values"]) {
    const zero = numbers(out[name]).map((x) => x === 0);
    assert.deepEqual(zero, [false, false, false, false, true, false, false, true, true], name);
  }
  assert.deepEqual(numbers(out["next_rows"]), [0], "rows 1 and 2 were dropped");
  assert.deepEqual(numbers(out["next_tokens"]), [1]);
  assert.deepEqual(numbers(out["next_done"]), [1]);
  assert.deepEqual(out["next_past_keys.0"]!.dims, [1, 2, 3, 5]);
  assert.deepEqual(out["next_past_values.2"]!.dims, [1, 2, 3, 5]);
});

Deno.test("rows that go on keep the loop running to its last step", async () => {
  using policy = tinyPolicy();
  const out = await decode(policy, [[9, 8], [1, 7], [6, 5]], [9, 9]);
  assert.deepEqual(numbers(out["token_ids"]), [9, 8, 1, 7, 0, 5]);
  assert.deepEqual(numbers(out["next_done"]), [0]);
  assert.deepEqual(numbers(out["next_rows"]), [1]);
});
