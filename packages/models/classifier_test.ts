import assert from "node:assert/strict";
import { float32, InputError } from "@decorum/tensor";
import {
  buildClassifierGraph,
  classifierBatch,
  type ClassifierText,
  initAdapter,
  labelIndex,
  loraScaling,
  maxPositions,
  mergeAdapter,
  openCheckpoint,
} from "./mod.ts";
import { classifierModel } from "./families.ts";
import { assertClose, difference, type Feeds, floats, run, runAll } from "@decorum/testing/graph";
import { TemporaryFolder } from "@decorum/testing/folder";
import { lora, makeClassifier, randomAdapter, tinyBert, tinyRoberta } from "./testing/tiny.ts";

const textsOf = (...ids: number[][]): ClassifierText[] => ids.map((ids) => ({ ids }));
const texts = textsOf(
  [3, 20, 21, 22, 2],
  [3, 9, 2],
  Array.from({ length: 16 }, (_, i) => 39 - i),
  [5],
);

type Model = ReturnType<typeof makeClassifier>;

async function logitsOf(model: Model, batch: readonly ClassifierText[] = texts) {
  const feeds = classifierBatch(batch, model.model).feeds;
  return floats((await run(buildClassifierGraph(model), feeds))["logits"]);
}

for (const json of [tinyRoberta, tinyBert]) {
  const name = String(json["model_type"]);

  Deno.test(`${name}: padding and the order of a batch change no text's logits`, async () => {
    using folder = new TemporaryFolder();
    const model = makeClassifier(folder.join("model"), json);
    const batches = [texts, texts.toReversed(), ...texts.map((text) => [text])];
    const results = await runAll(
      buildClassifierGraph(model),
      ...batches.map((batch) => classifierBatch(batch, model.model).feeds),
    );
    assert.deepEqual(results[0]!["logits"]!.dims, [4, 3]);
    const [together, reversed, ...alone] = results.map((r) => floats(r["logits"]));
    assertClose(together!, alone.flat(), 1e-5);
    const rows = [3, 2, 1, 0].flatMap((i) => reversed!.slice(3 * i, 3 * i + 3));
    assertClose(rows, together!, 1e-5);
  });

  Deno.test(`${name}: the order of the tokens counts`, async () => {
    using folder = new TemporaryFolder();
    const model = makeClassifier(folder.join("model"), json);
    const found = await logitsOf(model, textsOf([3, 20, 21, 2], [3, 21, 20, 2]));
    assert.ok(difference(found.slice(0, 3), found.slice(3)) > 1e-3);
  });

  Deno.test(`${name}: a new adapter, and one that is off, equal the base bit for bit`, async () => {
    using folder = new TemporaryFolder();
    const model = makeClassifier(folder.join("model"), json);
    const config = lora("query", "value");
    const layers = model.model.layers;
    const graph = buildClassifierGraph({ ...model, lora: config });
    const feeds = [[initAdapter(config, layers, 1), 2], [
      randomAdapter(config, layers),
      0,
    ]] as const;
    const results = await runAll(
      graph,
      ...feeds.map(([parameters, scale]): Feeds => ({
        ...classifierBatch(texts, model.model).feeds,
        ...Object.fromEntries(parameters),
        lora_scale: float32([], [scale]),
      })),
    );
    const base = await logitsOf(model);
    for (const result of results) assert.deepEqual(floats(result["logits"]), base);
  });

  const head = name === "roberta" ? "out_proj" : "classifier";
  for (const target of ["query", "key", "value", "dense", "intermediate.dense", head]) {
    Deno.test(`${name}: an adapter of ${target} equals the merged model`, async () => {
      using folder = new TemporaryFolder();
      const model = makeClassifier(folder.join("model"), json);
      const layers = model.model.layers;
      const config = lora(target);
      const parameters = randomAdapter(config, layers);
      const result = await run(buildClassifierGraph({ ...model, lora: config }), {
        ...classifierBatch(texts, model.model).feeds,
        ...Object.fromEntries(parameters),
        lora_scale: float32([], [loraScaling(config)]),
      });
      mergeAdapter(model.folder, layers, { config, parameters }, folder.join("merged"));
      const merged = { ...model, index: openCheckpoint(folder.join("merged")) };
      assertClose(floats(result["logits"]), await logitsOf(merged), 1e-5);
      assert.ok(difference(floats(result["logits"]), await logitsOf(model)) > 1e-3);
    });
  }
}

Deno.test("BERT's second segment has an embedding of its own; without segments all is the first", async () => {
  using folder = new TemporaryFolder();
  const model = makeClassifier(folder.join("model"), tinyBert);
  const ids = [3, 20, 2, 21, 2];
  const { feeds } = classifierBatch([{ ids }], model.model);
  const { feeds: second } = classifierBatch([{ ids, tokenTypeIds: [0, 0, 0, 1, 1] }], model.model);
  const found = await runAll(buildClassifierGraph(model), feeds, second);
  const [one, two] = found.map((r) => floats(r["logits"]));
  assert.ok(difference(one!, two!) > 1e-3);

  const without = { ...model, model: { ...model.model, tokenTypes: 0 } };
  const { input_ids, attention_mask } = feeds;
  const { logits } = await run(buildClassifierGraph(without), {
    input_ids: input_ids!,
    attention_mask: attention_mask!,
  });
  assert.deepEqual(floats(logits), one);
});

for (const hidden_act of ["gelu", "gelu_new", "relu", "silu", "quick_gelu"]) {
  Deno.test(`hidden_act ${hidden_act} is one of its own`, async () => {
    using folder = new TemporaryFolder();
    const model = makeClassifier(folder.join("model"), { ...tinyRoberta, hidden_act });
    const others = ["gelu", "gelu_new", "relu", "silu", "quick_gelu"].filter((name) =>
      name !== hidden_act
    );
    const found = await logitsOf(model);
    for (const name of others) {
      const json = { ...tinyRoberta, hidden_act: name };
      const other = { ...model, model: classifierModel(json, "other") };
      assert.ok(difference(found, await logitsOf(other)) > 1e-6);
    }
  });
}

const roberta = classifierModel(tinyRoberta, "roberta");
const bert = classifierModel(tinyBert, "bert");
const numbers = (value: { data: unknown } | undefined) =>
  [...value!.data as BigInt64Array].map(Number);

Deno.test("texts are padded to the longest, and the padding is counted", () => {
  const { feeds, padding } = classifierBatch(textsOf([3, 4, 5], [6]), roberta);
  assert.deepEqual(Object.keys(feeds), ["input_ids", "attention_mask"]);
  assert.deepEqual(feeds["input_ids"]!.dims, [2, 3]);
  assert.deepEqual(numbers(feeds["input_ids"]), [3, 4, 5, 6, 1, 1]);
  assert.deepEqual(numbers(feeds["attention_mask"]), [1, 1, 1, 1, 0, 0]);
  assert.deepEqual(padding, { padded: 2, total: 6 });
});

Deno.test("BERT is fed segments too, the first where none are told; RoBERTa is not", () => {
  const { feeds } = classifierBatch([{ ids: [3, 4] }, { ids: [6] }], bert);
  assert.deepEqual(numbers(feeds["input_ids"]), [3, 4, 6, 0]);
  assert.deepEqual(numbers(feeds["token_type_ids"]), [0, 0, 0, 0]);
  const pair = { ids: [3, 4, 5], tokenTypeIds: [0, 1, 1] };
  const pairs = classifierBatch([{ ids: [6] }, pair], bert).feeds;
  assert.deepEqual(numbers(pairs["token_type_ids"]), [0, 0, 0, 0, 1, 1]);
  assert.ok(!("token_type_ids" in classifierBatch([pair], roberta).feeds));
  const one = classifierModel({ ...tinyBert, type_vocab_size: 1 }, "one");
  assert.throws(
    () => classifierBatch([pair], one),
    /text 0 is a pair with tokens of type 1, but a bert of type_vocab_size 1 has types up to 0; join/,
  );
});

Deno.test("bad batches are refused with what was found and what was expected", () => {
  const long = Array<number>(17).fill(3);
  const cases: [() => unknown, RegExp][] = [
    [
      () => classifierBatch([], roberta),
      /^InputError: Cannot make a batch of 0 texts: expected at/,
    ],
    [
      () => classifierBatch(textsOf([3], []), roberta),
      /batch: text 1 has no tokens; expected at least one/,
    ],
    [
      () => classifierBatch(textsOf([3, 40]), roberta),
      /token 1 of text 0 has id 40; expected 0 to 39/,
    ],
    [
      () => classifierBatch(textsOf([3, -1]), roberta),
      /token 1 of text 0 has id -1; expected 0 to 39/,
    ],
    [
      () => classifierBatch(textsOf([1.5]), roberta),
      /token 0 of text 0 has id 1\.5; expected 0 to 39/,
    ],
    [
      () => classifierBatch(textsOf([3], long), roberta),
      /text 1 has 17 tokens, but a roberta of max_position_embeddings 18 has positions for 16; trunc/,
    ],
    [
      () => classifierBatch(textsOf(long), bert),
      /text 0 has 17 tokens, but a bert of max_position_embeddings 16 has positions for 16; truncate/,
    ],
    [
      () => classifierBatch(textsOf([3, 4, 5]), roberta, { maxLength: 2 }),
      /text 0 has 3 tokens, but the limit is maxLength 2; truncate it/,
    ],
    [
      () => classifierBatch(textsOf([3]), roberta, { maxLength: 0 }),
      /maxLength 0: expected an integer of/,
    ],
    [
      () => classifierBatch(textsOf([3]), roberta, { maxLength: 2.5 }),
      /maxLength 2\.5: expected an integ/,
    ],
    [
      () => classifierBatch(textsOf([3]), roberta, { maxLength: NaN }),
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
  classifierBatch(textsOf(Array<number>(16).fill(3)), roberta);
  classifierBatch(textsOf(Array<number>(16).fill(3)), bert, { maxLength: 100 });
});

Deno.test("labels are found by name; an unknown one lists the names there are", () => {
  assert.equal(labelIndex(roberta.config, "neutral"), 2);
  assert.throws(
    () => labelIndex(roberta.config, "Hate"),
    /^InputError: Cannot score label "Hate": the classifier's labels are "nothate", "hate", "neutral"$/,
  );
});
