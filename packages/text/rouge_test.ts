import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { distinctN, rouge, rougeTokens } from "./rouge.ts";
import { porterStem } from "./porter.ts";

interface Golden {
  readonly references: readonly string[];
  readonly prediction: string;
  readonly plain: readonly number[];
  readonly stemmed: readonly number[];
}

// Recorded by tools/golden/rouge.py; the arithmetic is the same, so the numbers are exactly equal.
const golden = readFileSync(new URL("./testdata/rouge.jsonl", import.meta.url), "utf8")
  .trimEnd().split("\n").slice(1).map((line) => JSON.parse(line) as Golden);

for (const useStemmer of [false, true]) {
  Deno.test(`rouge equals rouge-score ${useStemmer ? "with" : "without"} stemmer`, () => {
    assert.equal(golden.length, 300);
    for (const { references, prediction, plain, stemmed } of golden) {
      const { rouge1, rouge2, rougeL } = rouge(prediction, references, { useStemmer });
      assert.deepEqual(
        [rouge1, rouge2, rougeL].map((score) => score.fmeasure),
        useStemmer ? stemmed : plain,
        JSON.stringify([references, prediction]),
      );
    }
  });
}

Deno.test("rouge gives precision over the prediction and recall over the reference", () => {
  const { rouge1, rouge2, rougeL } = rouge("the cat sat", "the cat sat on the mat");
  assert.deepEqual([rouge1.precision, rouge1.recall], [1, 0.5]);
  assert.deepEqual([rouge2.precision, rouge2.recall], [1, 2 / 5]);
  assert.deepEqual([rougeL.precision, rougeL.recall], [1, 0.5]);
});

Deno.test("rouge refuses to score without a reference", () => {
  assert.throws(() => rouge("text", []), InputError);
});

Deno.test("rougeTokens stems only words of more than three letters", () => {
  assert.deepEqual(rougeTokens("Dies ties: FLYING was", true), ["die", "tie", "fli", "was"]);
});

Deno.test("porterStem follows the examples of Porter's paper", () => {
  const examples = {
    caresses: "caress",
    ponies: "poni",
    agreed: "agre",
    plastered: "plaster",
    motoring: "motor",
    sing: "sing",
    hopping: "hop",
    falling: "fall",
    hissing: "hiss",
    filing: "file",
    happy: "happi",
    relational: "relat",
    vietnamization: "vietnam",
    electrical: "electr",
    replacement: "replac",
    adoption: "adopt",
    controlling: "control",
    roll: "roll",
  };
  for (const [word, stem] of Object.entries(examples)) assert.equal(porterStem(word), stem, word);
});

Deno.test("distinctN divides different n-grams by all, text by text", () => {
  assert.equal(distinctN(["a b a b", "a b"], 1), 2 / 6);
  assert.equal(distinctN(["a b a b", "a b"], 2), 2 / 4);
  assert.equal(distinctN(["One", ""], 2), 0);
  assert.throws(() => distinctN(["a"], 0), InputError);
});
