import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { classifierBatch, classifierModel, labelIndex, maxPositions } from "./mod.ts";
import { tinyBert, tinyRoberta } from "./testing/tiny.ts";

const roberta = classifierModel(tinyRoberta, "roberta");
const bert = classifierModel(tinyBert, "bert");
const numbers = (value: { data: unknown } | undefined) =>
  [...value!.data as BigInt64Array].map(Number);

Deno.test("texts are padded to the longest, and the padding is counted", () => {
  const { feeds, padding } = classifierBatch([[3, 4, 5], [6]], roberta);
  assert.deepEqual(Object.keys(feeds), ["input_ids", "attention_mask"]);
  assert.deepEqual(feeds["input_ids"]!.dims, [2, 3]);
  assert.deepEqual(numbers(feeds["input_ids"]), [3, 4, 5, 6, 1, 1]);
  assert.deepEqual(numbers(feeds["attention_mask"]), [1, 1, 1, 1, 0, 0]);
  assert.deepEqual(padding, { padded: 2, total: 6 });
});

Deno.test("BERT is fed segments too, all of them the first", () => {
  const { feeds } = classifierBatch([[3, 4], [6]], bert);
  assert.deepEqual(numbers(feeds["input_ids"]), [3, 4, 6, 0]);
  assert.deepEqual(numbers(feeds["token_type_ids"]), [0, 0, 0, 0]);
});

Deno.test("bad batches are refused with what was found and what was expected", () => {
  const long = Array<number>(17).fill(3);
  const cases: [() => unknown, RegExp][] = [
    [
      () => classifierBatch([], roberta),
      /^InputError: Cannot make a batch of 0 texts: expected at/,
    ],
    [
      () => classifierBatch([[3], []], roberta),
      /batch: text 1 has no tokens; expected at least one/,
    ],
    [() => classifierBatch([[3, 40]], roberta), /token 1 of text 0 has id 40; expected 0 to 39/],
    [() => classifierBatch([[3, -1]], roberta), /token 1 of text 0 has id -1; expected 0 to 39/],
    [() => classifierBatch([[1.5]], roberta), /token 0 of text 0 has id 1\.5; expected 0 to 39/],
    [
      () => classifierBatch([[3], long], roberta),
      /text 1 has 17 tokens, but a roberta of max_position_embeddings 18 has positions for 16; trunc/,
    ],
    [
      () => classifierBatch([long], bert),
      /text 0 has 17 tokens, but a bert of max_position_embeddings 16 has positions for 16; truncate/,
    ],
    [
      () => classifierBatch([[3, 4, 5]], roberta, { maxLength: 2 }),
      /text 0 has 3 tokens, but the limit is maxLength 2; truncate it/,
    ],
    [
      () => classifierBatch([[3]], roberta, { maxLength: 0 }),
      /maxLength 0: expected an integer of/,
    ],
    [
      () => classifierBatch([[3]], roberta, { maxLength: 2.5 }),
      /maxLength 2\.5: expected an integ/,
    ],
    [
      () => classifierBatch([[3]], roberta, { maxLength: NaN }),
      /maxLength NaN: expected an integer/,
    ],
  ];
  for (const [attempt, expected] of cases) {
    assert.throws(attempt, (error) => error instanceof InputError && expected.test(`${error}`));
  }
});

Deno.test("RoBERTa has positions after its padding id, BERT for every row", () => {
  assert.equal(maxPositions(roberta), 16);
  assert.equal(
    maxPositions(classifierModel({ ...tinyRoberta, max_position_embeddings: 514 }, "r")),
    512,
  );
  assert.equal(maxPositions(bert), 16);
  classifierBatch([Array<number>(16).fill(3)], roberta);
  classifierBatch([Array<number>(16).fill(3)], bert, { maxLength: 100 });
});

Deno.test("labels are found by name; an unknown one lists the names there are", () => {
  assert.equal(labelIndex(roberta.config, "neutral"), 2);
  assert.throws(
    () => labelIndex(roberta.config, "Hate"),
    /^InputError: Cannot score label "Hate": the classifier's labels are "nothate", "hate", "neutral"$/,
  );
});
