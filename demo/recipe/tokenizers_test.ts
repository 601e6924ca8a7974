import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenizer, type Tokenizer } from "@decorum/text";
import { judgedTexts, summaryRows } from "../corpus/mod.ts";
import { trainBpe } from "./bpe.ts";
import { bpeTokenizer } from "./bpe_tokenizer.ts";
import { type TokenizerFolder, writeTokenizer } from "./tokenizer_folder.ts";
import { unigramTokenizer } from "./unigram_tokenizer.ts";

function load(made: TokenizerFolder): Tokenizer {
  const folder = mkdtempSync(join(tmpdir(), "decorum-demo-tokenizer-"));
  try {
    writeTokenizer(folder, made);
    return loadTokenizer(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

Deno.test("BPE joins the most frequent neighbours first, ties in order of the pairs", () => {
  // " ab" 3 times, "ab" and "cb" once: "a b" 4, "Ġ ab" 3, "c b" 1.
  assert.deepEqual(trainBpe(["ab ab ab ab cb"], 2), [["a", "b"], ["Ġ", "ab"]]);
  assert.deepEqual(trainBpe(["ba", "ab"], 9), [["a", "b"], ["b", "a"]]);
  assert.deepEqual(trainBpe(["aaa"], 9), [["a", "a"], ["aa", "a"]]);
});

Deno.test("the policy's tokenizer has a token for every word of the corpus and spells others", () => {
  const rows = summaryRows(1, 3000);
  const made = unigramTokenizer(rows.flatMap((row) => [row.dialogue, row.summary]));
  const tokenizer = load(made);
  assert.equal(tokenizer.vocabSize, made.vocabSize);
  assert.deepEqual([tokenizer.padId, tokenizer.eosId, tokenizer.unkId], [0, 1, 2]);
  const summary = rows[0]!.summary;
  const { ids } = tokenizer.encode(summary);
  // One token a word, the full stop, and eos.
  assert.equal(ids.length, summary.replace(/[.,]/g, " $&").split(" ").length + 1);
  assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), summary);
  const other = "A quick zebra; 42 xylophones!";
  const spelled = tokenizer.encode(other).ids;
  assert.ok(!spelled.includes(2));
  assert.equal(tokenizer.decode(spelled, { skipSpecialTokens: true }), other);
});

Deno.test("the classifiers' tokenizer encodes any text between <s> and </s> and decodes it", () => {
  const made = bpeTokenizer(judgedTexts(1, 500).map((row) => row.text), 400);
  const tokenizer = load(made);
  assert.equal(tokenizer.vocabSize, made.vocabSize);
  for (const text of ["Ada calls Bob a dolt.", "naïve — 42 \n\t…", "日本"]) {
    const { ids } = tokenizer.encode(text);
    assert.equal(ids[0], 0);
    assert.equal(ids.at(-1), 2);
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), text);
  }
});
