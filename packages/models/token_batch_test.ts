import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { type Sequence, tokenBatch } from "./token_batch.ts";

const vocabulary = { vocab_size: 10, pad_token_id: 0, decoder_start_token_id: 7 };
const numbers = (value: { data: unknown } | undefined) =>
  [...value!.data as BigInt64Array].map(Number);

Deno.test("the decoder reads each response shifted behind the start token", () => {
  const batch = tokenBatch([
    { query: [2, 3, 1], response: [4, 5, 1] },
    { query: [6], response: [8] },
  ], vocabulary);
  assert.deepEqual(numbers(batch.feeds["input_ids"]), [2, 3, 1, 6, 0, 0]);
  assert.deepEqual(numbers(batch.feeds["attention_mask"]), [1, 1, 1, 1, 0, 0]);
  assert.deepEqual(numbers(batch.feeds["decoder_input_ids"]), [7, 4, 5, 7, 0, 0]);
  assert.deepEqual(numbers(batch.feeds["rows"]), [0, 1, 2, 3]);
  assert.deepEqual(numbers(batch.feeds["labels"]), [4, 5, 1, 8]);
  assert.deepEqual([batch.tokens, batch.lengths], [4, [3, 1]]);
  assert.deepEqual(batch.padding, { padded: 4, total: 12 });
});

Deno.test("tokens that do not count are read but not scored", () => {
  const { feeds, tokens, lengths } = tokenBatch([
    { query: [2], response: [4, 5, 6], mask: [false, true, false] },
    { query: [2], response: [8], mask: [false] },
  ], vocabulary);
  assert.deepEqual(numbers(feeds["decoder_input_ids"]), [7, 4, 5, 7, 0, 0]);
  assert.deepEqual([numbers(feeds["rows"]), numbers(feeds["labels"])], [[1], [5]]);
  assert.deepEqual([tokens, lengths], [1, [1, 0]]);
});

Deno.test("a prompt that several responses share is in the batch once, where all are shared alike", () => {
  const [a, b] = [{ query: [2, 3, 1], response: [4, 1] }, { query: [6, 1], response: [8] }];
  const batch = tokenBatch([a, { ...a, response: [5] }, b, b], vocabulary, { sharePrompts: true });
  assert.deepEqual(batch.feeds["input_ids"]!.dims, [2, 3]);
  assert.deepEqual(numbers(batch.feeds["input_ids"]), [2, 3, 1, 6, 1, 0]);
  assert.deepEqual(numbers(batch.feeds["attention_mask"]), [1, 1, 1, 1, 1, 0]);
  assert.deepEqual(numbers(batch.feeds["decoder_input_ids"]), [7, 4, 7, 0, 7, 0, 7, 0]);
  assert.deepEqual(batch.padding, { padded: 4, total: 14 });
  for (const sequences of [[a, a, b], [a, b, a, b]]) {
    const { feeds } = tokenBatch(sequences, vocabulary, { sharePrompts: true });
    assert.deepEqual(feeds, tokenBatch(sequences, vocabulary).feeds);
  }
  assert.deepEqual(tokenBatch([a, a], vocabulary).feeds["input_ids"]!.dims, [2, 3]);
});

Deno.test("bad batches are refused with what was found and what was expected", () => {
  const one = (sequence: Partial<Sequence>): Sequence[] => [
    { query: [1], response: [1] },
    { query: [1], response: [1], ...sequence },
  ];
  const cases: [Sequence[], RegExp][] = [
    [[], /^InputError: Cannot make a batch of 0 sequences: expected at least one/],
    [one({ query: [] }), /^InputError: Cannot make a batch: query 1 has no tokens; expected at le/],
    [one({ response: [] }), /^InputError: Cannot make a batch: response 1 has no tokens; expected/],
    [one({ query: [1, 10] }), /batch: token 1 of query 1 has id 10; expected 0 to 9/],
    [one({ response: [-1] }), /batch: token 0 of response 1 has id -1; expected 0 to 9/],
    [one({ query: [NaN] }), /batch: token 0 of query 1 has id NaN; expected 0 to 9/],
    [one({ mask: [true, true] }), /the mask of response 1 has 2 entries; expected 1/],
    [
      one({ mask: [false] }).slice(1),
      /^InputError: Cannot make a batch in which no token counts/,
    ],
  ];
  for (const [sequences, expected] of cases) {
    assert.throws(
      () => tokenBatch(sequences, vocabulary),
      (error) => error instanceof InputError && expected.test(`${error}`),
    );
  }
});
