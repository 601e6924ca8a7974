import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import type { ClassifierConfig } from "@decorum/models";
import { TextClassifier } from "./mod.ts";
import { probabilities } from "./probabilities.ts";
import { POSITIONS, writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";

const runtime = { intraOpThreads: 1 };

for (const precision of ["fp32", "int8"] as const) {
  Deno.test(`${precision}: an item's logits are the same bits alone and in any batch`, async () => {
    using folder = new TemporaryFolder();
    await using classifier = await TextClassifier.load(writeClassifier(folder.path), {
      runtime: { ...runtime, precision },
    });
    const texts = ["you fool", "a", "", "what is the end of this?", "ok."];
    const items = texts.map((response, i) =>
      classifier.encode({ response, ...(i === 1 ? { query: "who" } : {}) }, { truncate: false }, "")
    );
    const together = await classifier.logits(items);
    assert.deepEqual((await classifier.logits(items.toReversed())).toReversed(), together);
    // More than one run of the model.
    const many = Array.from({ length: 300 }, (_, i) => items[i % items.length]!);
    const all = await classifier.logits(many);
    for (const [i, row] of all.entries()) assert.deepEqual(row, together[i % items.length]);
    for (const [i, item] of items.entries()) {
      assert.deepEqual(await classifier.logits([item]), [together[i]]);
    }
    await assert.rejects(classifier.logits([]), InputError);
  });
}

Deno.test("int8 is compared with fp32 when it is loaded, and refused where it is too far away", async () => {
  using folder = new TemporaryFolder();
  const path = writeClassifier(folder.path);
  const int8 = { ...runtime, precision: "int8" } as const;
  await using fp32 = await TextClassifier.load(path, { runtime });
  await using classifier = await TextClassifier.load(path, { runtime: int8 });
  assert.equal(fp32.agreement, undefined);
  const { texts, maxDifference, meanDifference, spread, sameLabel } = classifier.agreement!;
  assert.ok(0 < meanDifference && meanDifference < maxDifference && maxDifference < 0.1 * spread);
  assert.ok(sameLabel > 0.9 * texts && sameLabel <= texts);
  assert.notEqual(classifier.version, fp32.version, "its scores are others");
  await assert.rejects(
    TextClassifier.load(path, { runtime: int8, maxInt8Difference: maxDifference / 2 }),
    /in int8: logits in int8 differ from fp32 by .* at most, .* on average, .* Use precision fp32/,
  );
  await assert.rejects(
    TextClassifier.load(path, { runtime: { ...int8, executionProvider: "cuda" } }),
    /in int8 on execution provider "cuda".*int8 runs on the CPU/,
  );
});

Deno.test("of a pair the query is cut, never the response", async () => {
  using folder = new TemporaryFolder();
  await using classifier = await TextClassifier.load(writeClassifier(folder.path), {
    runtime,
  });
  assert.equal(classifier.maxTokens, POSITIONS);
  const encode = (query: string | undefined, response: string, truncate: boolean) =>
    classifier.encode({ query, response }, { truncate }, "item 3");
  const ids = (text: string) => classifier.tokenizer.encode(text, { addSpecialTokens: false }).ids;

  // <s> query </s></s> response </s>: four special tokens.
  const fits = encode("b".repeat(20), "c".repeat(POSITIONS - 24), false);
  assert.deepEqual([fits.ids.length, fits.truncated], [POSITIONS, 0]);
  const cut = encode("b".repeat(20), "c".repeat(POSITIONS - 4 - 5), true);
  assert.deepEqual([cut.ids.length, cut.truncated], [POSITIONS, 15]);
  assert.deepEqual(cut.ids.slice(-24, -1), ids("c".repeat(23)));
  const noQuery = encode("b".repeat(20), "c".repeat(POSITIONS - 4), true);
  assert.deepEqual([noQuery.ids.length, noQuery.truncated], [POSITIONS, 20]);
  assert.throws(
    () => encode("b", "c".repeat(POSITIONS - 3), true),
    /item 3: it has 34 tokens, at most 32 are allowed; a response is never cut, and this one/,
  );
  assert.throws(() => encode("b".repeat(30), "c", false), /it has 35 tokens.*or set truncate/);
  assert.throws(() => encode(undefined, "c".repeat(31), false), /it has 33 tokens/);
  const alone = encode(undefined, "c".repeat(31), true);
  assert.deepEqual([alone.ids.length, alone.truncated, alone.ids.at(-1)], [POSITIONS, 1, 2]);
});

Deno.test("BERT is told which tokens are the second text's, also where the query was cut", async () => {
  using folder = new TemporaryFolder();
  await using classifier = await TextClassifier.load(
    writeClassifier(folder.path, { type: "bert" }),
    { runtime },
  );
  const encode = (query: string, response: string) =>
    classifier.encode({ query, response }, { truncate: true }, "item 3");
  // [CLS] you [SEP] fool is [SEP]
  assert.deepEqual(encode("you", "fool is").tokenTypeIds, [0, 0, 0, 1, 1, 1]);
  const cut = encode("you ".repeat(POSITIONS), "fool");
  assert.deepEqual(cut.tokenTypeIds, [...Array<number>(POSITIONS - 2).fill(0), 1, 1]);
  const { ids, tokenTypeIds } = encode("you", "fool");
  const [told, untold] = await classifier.logits([{ ids, tokenTypeIds: tokenTypeIds! }, { ids }]);
  assert.notDeepEqual(told, untold);
});

Deno.test("labels are found by name, versions tell models apart, errors name the folder", async () => {
  using folder = new TemporaryFolder();
  const path = writeClassifier(folder.join("a"));
  await using a = await TextClassifier.load(path, { runtime });
  await using b = await TextClassifier.load(writeClassifier(folder.join("b"), { seed: 2 }), {
    runtime,
    maxTokens: 9,
  });
  assert.equal(a.labelIndex("hate"), 1);
  assert.throws(() => a.labelIndex("toxic"), /labels are "nothate", "hate", "unsure"/);
  assert.notEqual(a.version, b.version);
  assert.match(a.version, /^[0-9a-f]{64}$/);
  assert.equal(b.maxTokens, 9);
  await assert.rejects(TextClassifier.load(folder.join("c")), /there is no folder .*c; name a/);
  await assert.rejects(
    TextClassifier.load(path, { runtime, maxTokens: 40 }),
    /for items of 40 tokens: it takes at most 32/,
  );
});

Deno.test("probabilities are what transformers' pipeline makes of logits", () => {
  const of = (problem_type: ClassifierConfig["problem_type"], ...logits: number[]) =>
    probabilities({ problem_type }, logits).map((p) => p.toFixed(6));
  const large = [1000, 1000 + Math.log(3)];
  assert.deepEqual(of(undefined, ...large), ["0.250000", "0.750000"]);
  assert.deepEqual(of("single_label_classification", 0, Math.log(3)), ["0.250000", "0.750000"]);
  assert.deepEqual(of(undefined, 0), ["0.500000"]);
  assert.deepEqual(of("multi_label_classification", 0, Math.log(3)), ["0.500000", "0.750000"]);
  assert.deepEqual(of("regression", -3), ["-3.000000"]);
  assert.deepEqual(of("regression", 2, 7), ["2.000000", "7.000000"]);
});
