import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { loadTokenizer } from "./tokenizer_load.ts";
import {
  tinyBertVocab,
  tinyRobertaMerges,
  tinyRobertaVocab,
  tinyT5,
  withFolder,
} from "./testing/tiny_tokenizers.ts";

const roberta = { "vocab.json": tinyRobertaVocab, "merges.txt": tinyRobertaMerges };
const skipSpecialTokens = true;

Deno.test("tokenizer.json of T5's kind encodes, ends with eos and decodes back", () =>
  withFolder({ "tokenizer.json": tinyT5 }, (folder) => {
    const tokenizer = loadTokenizer(folder);
    const { ids, tokenTypeIds, truncated } = tokenizer.encode("the cats sat.");
    assert.deepEqual(ids, [4, 5, 6, 7, 8, 1]);
    assert.deepEqual(tokenTypeIds, [0, 0, 0, 0, 0, 0]);
    assert.equal(truncated, 0);
    assert.equal(tokenizer.decode(ids), "the cats sat.</s>");
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens }), "the cats sat.");
    assert.equal(tokenizer.decode(BigInt64Array.from([4n, 5n, 1n, 0n])), "the cat</s><pad>");
    assert.deepEqual(tokenizer.encode("the cat", { addSpecialTokens: false }).ids, [4, 5]);
    assert.deepEqual(tokenizer.encodePair("the", "cat").ids, [4, 1, 5, 1]);
    assert.deepEqual(tokenizer.encode("").ids, [1]);
    assert.equal(tokenizer.decode([]), "");
    assert.deepEqual(tokenizer.encode("the dog").ids, [4, 3, 2, 1]);
  }));

Deno.test("special tokens are found without a configuration", () =>
  withFolder({ "tokenizer.json": tinyT5 }, (folder) => {
    const { padId, eosId, unkId, bosId, clsId, vocabSize, modelMaxLength } = loadTokenizer(folder);
    assert.deepEqual([padId, eosId, unkId, bosId, clsId], [0, 1, 2, undefined, undefined]);
    assert.equal(vocabSize, 9);
    assert.equal(modelMaxLength, Infinity);
  }));

Deno.test("tokenizer_config.json names special tokens, the length and clean-up", () =>
  withFolder({
    "tokenizer.json": tinyT5,
    "tokenizer_config.json": {
      model_max_length: 512,
      clean_up_tokenization_spaces: true,
      bos_token: { content: "<pad>" },
      mask_token: null,
      added_tokens_decoder: { "9": { content: "<new>", special: true } },
    },
  }, (folder) => {
    const tokenizer = loadTokenizer(folder);
    assert.equal(tokenizer.modelMaxLength, 512);
    assert.equal(tokenizer.bosId, 0);
    assert.equal(tokenizer.vocabSize, 10);
    assert.deepEqual(tokenizer.encode("the<new>").ids, [4, 9, 1]);
    const spaced = tokenizer.encode("the cat .", { addSpecialTokens: false }).ids;
    assert.equal(tokenizer.decode(spaced), "the cat.");
    assert.equal(tokenizer.decode(spaced, { cleanUpSpaces: false }), "the cat .");
  }));

Deno.test("special_tokens_map.json has the last word unless the config lists added tokens", () => {
  const files = {
    "tokenizer.json": tinyT5,
    "special_tokens_map.json": { pad_token: "</s>" },
  };
  const config = { pad_token: "<pad>" };
  return withFolder({ ...files, "tokenizer_config.json": config }, async (folder) => {
    assert.equal(loadTokenizer(folder).padId, 1);
    const newer = { ...config, added_tokens_decoder: {} };
    await withFolder({ ...files, "tokenizer_config.json": newer }, (folder) => {
      assert.equal(loadTokenizer(folder).padId, 0);
    });
  });
});

Deno.test("RoBERTa is built from vocab.json and merges.txt", () =>
  withFolder(roberta, (folder) => {
    const tokenizer = loadTokenizer(folder);
    const idOf = (token: string) => tokenizer.tokenToId(token) ?? -1;
    const [cat, spaceCat, sat] = ["cat", "Ġcat", "sat"].map(idOf) as [number, number, number];
    assert.deepEqual(tokenizer.encode("cat cat").ids, [0, cat, spaceCat, 2]);
    const pair = tokenizer.encodePair("cat", "sat");
    assert.deepEqual(pair.ids, [0, cat, 2, 2, sat, 2]);
    assert.deepEqual(pair.tokenTypeIds, [0, 0, 0, 0, 0, 0]);
    const { bosId, padId, eosId, unkId, clsId, sepId, maskId } = tokenizer;
    assert.deepEqual([bosId, padId, eosId, unkId, clsId, sepId], [0, 1, 2, 3, 0, 2]);
    // The mask takes the space before it.
    assert.deepEqual(tokenizer.encode("cat <mask>").ids, [0, cat, maskId, 2]);
    const text = "\n cat .  sat ";
    assert.equal(tokenizer.decode(tokenizer.encode(text).ids, { skipSpecialTokens }), text);
    // z is not in the tiny vocabulary.
    assert.deepEqual(tokenizer.encode("z").ids, [0, 3, 2]);
  }));

Deno.test("RoBERTa honours add_prefix_space and its own special tokens", () => {
  const vocab = { ...tinyRobertaVocab, "<cls>": 18 };
  return withFolder({
    "vocab.json": vocab,
    "merges.txt": tinyRobertaMerges.replaceAll("\n", "\r\n"),
    "tokenizer_config.json": { add_prefix_space: true, model_max_length: 1e30 },
    "special_tokens_map.json": { cls_token: "<cls>" },
  }, (folder) => {
    const tokenizer = loadTokenizer(folder);
    assert.deepEqual(tokenizer.encode("cat").ids, [18, tokenizer.tokenToId("Ġcat"), 2]);
    assert.equal(tokenizer.modelMaxLength, Infinity);
  });
});

Deno.test("BERT is built from vocab.txt, lower-cased unless the config says otherwise", () =>
  withFolder({ "vocab.txt": tinyBertVocab }, async (folder) => {
    const tokenizer = loadTokenizer(folder);
    assert.deepEqual(tokenizer.encode("The Cats").ids, [2, 5, 6, 7, 3]);
    const pair = tokenizer.encodePair("the cat", "sat.");
    assert.deepEqual(pair.ids, [2, 5, 6, 3, 8, 9, 3]);
    assert.deepEqual(pair.tokenTypeIds, [0, 0, 0, 0, 1, 1, 1]);
    assert.equal(tokenizer.decode(pair.ids, { skipSpecialTokens }), "the cat sat.");
    const { padId, unkId, clsId, sepId, maskId, eosId } = tokenizer;
    assert.deepEqual([padId, unkId, clsId, sepId, maskId, eosId], [0, 1, 2, 3, 4, undefined]);
    const config = {
      "vocab.txt": tinyBertVocab,
      "tokenizer_config.json": { do_lower_case: false },
    };
    await withFolder(config, (folder) => {
      assert.deepEqual(loadTokenizer(folder).encode("The Cat").ids, [2, 1, 10, 3]);
    });
  }));

Deno.test("a pair is truncated in the text that may give way", () =>
  withFolder({ "vocab.txt": tinyBertVocab }, (folder) => {
    const tokenizer = loadTokenizer(folder);
    const pair = (maxLength: number, truncate: "first" | "second" | "error") =>
      tokenizer.encodePair("the cat sat", "sat .", { maxLength, truncate });
    assert.deepEqual(pair(7, "first").ids, [2, 5, 6, 3, 8, 9, 3]);
    assert.equal(pair(7, "first").truncated, 1);
    assert.deepEqual(pair(7, "second").ids, [2, 5, 6, 8, 3, 8, 3]);
    assert.deepEqual(pair(8, "error").ids, [2, 5, 6, 8, 3, 8, 9, 3]);
    assert.throws(() => pair(7, "error"), {
      name: "InputError",
      message:
        /8 tokens \(3 of the first text, 2 of the second, 3 special\), at most 7 are allowed/,
    });
    assert.throws(() => pair(4, "first"), /the first text alone cannot give up 4/);
    assert.throws(() => tokenizer.encode("the cat", { maxLength: 3 }), InputError);
    assert.deepEqual(tokenizer.encode("the cat", { maxLength: 3, truncate: "first" }).ids, [
      2,
      5,
      3,
    ]);
  }));

Deno.test("truncation_side left keeps the end of the text", () =>
  withFolder({
    "vocab.txt": tinyBertVocab,
    "tokenizer_config.json": { truncation_side: "left" },
  }, (folder) => {
    const limit = { maxLength: 4, truncate: "first" } as const;
    assert.deepEqual(loadTokenizer(folder).encode("the cat sat", limit).ids, [2, 6, 8, 3]);
  }));
