import assert from "node:assert/strict";
import { join } from "node:path";
import { loadTokenizer } from "./tokenizer_load.ts";
import {
  tinyBertVocab,
  tinyRobertaMerges,
  tinyRobertaVocab,
  tinyT5,
  withFolder,
} from "./testing/tiny_tokenizers.ts";

const refused = (
  title: string,
  files: Readonly<Record<string, unknown>>,
  name: string,
  message: RegExp,
) =>
  Deno.test(title, () =>
    withFolder(files, (folder) => {
      assert.throws(() => loadTokenizer(folder), { name, message });
    }));

const withModel = (fields: object) => ({
  "tokenizer.json": { ...tinyT5, model: { ...tinyT5.model, ...fields } },
});
const withPost = (post_processor: unknown) => ({
  "tokenizer.json": { ...tinyT5, post_processor },
});

refused(
  "an empty folder",
  {},
  "InputError",
  /looked for tokenizer\.json, or vocab\.json .*none of them/,
);
refused("merges alone", { "merges.txt": "" }, "InputError", /found only merges\.txt/);
refused(
  "spiece.model alone",
  { "spiece.model": "x" },
  "InputError",
  /spiece\.model alone is not read/,
);
refused(
  "a cut tokenizer.json",
  { "tokenizer.json": JSON.stringify(tinyT5).slice(0, 100) },
  "InputError",
  /tokenizer\.json as JSON: .*100 characters read/,
);
refused(
  "an array as tokenizer.json",
  { "tokenizer.json": [1, 2] },
  "InputError",
  /its outermost value is an array of 2, expected an object/,
);
refused(
  "a config instead of a tokenizer",
  { "tokenizer.json": { model_type: "t5" } },
  "InputError",
  /field "model" of .*tokenizer\.json: expected an object, found nothing/,
);
refused("an unknown model", withModel({ type: "Magic" }), "InputError", /model\.type.*"Magic"/);
refused("a Unigram without an array", withModel({ vocab: {} }), "InputError", /model\.vocab/);
refused(
  "a BPE without merges",
  withModel({ type: "BPE", vocab: {} }),
  "InputError",
  /model\.merges/,
);
refused("an unknown post-processor", withPost({ type: "X" }), "InputError", /post_processor\.type/);
refused(
  "a template with an undefined token",
  withPost({ type: "TemplateProcessing", single: [{ SpecialToken: { id: "<x>" } }], pair: [] }),
  "InputError",
  /post_processor\.single\[0\]\.SpecialToken\.id .*"<x>"/,
);
refused(
  "a special token outside the vocabulary",
  { "tokenizer.json": tinyT5, "tokenizer_config.json": { pad_token: "[PADDING]" } },
  "InputError",
  /"pad_token" = "\[PADDING\]" .* not in the vocabulary/,
);
refused(
  "a special token that is a number",
  { "tokenizer.json": tinyT5, "tokenizer_config.json": { pad_token: 0 } },
  "InputError",
  /field "pad_token" of .*tokenizer_config\.json.*found number 0/,
);
refused(
  "a negative model_max_length",
  { "tokenizer.json": tinyT5, "tokenizer_config.json": { model_max_length: -1 } },
  "InputError",
  /model_max_length/,
);
refused(
  "an added token without an id",
  { "tokenizer.json": { ...tinyT5, added_tokens: [{ content: "<x>" }] } },
  "InputError",
  /added token .*"added_tokens": expected "content" and "id"/,
);
refused(
  "a merge of three",
  { "vocab.json": tinyRobertaVocab, "merges.txt": `${tinyRobertaMerges}a b c\n` },
  "InputError",
  /merges\.txt, line 6: expected two tokens/,
);
refused(
  "a RoBERTa vocabulary with an id as text",
  { "vocab.json": { ...tinyRobertaVocab, a: "4" }, "merges.txt": tinyRobertaMerges },
  "InputError",
  /token "a" of .*vocab\.json: expected its id, found string "4"/,
);
refused(
  "a RoBERTa vocabulary without its special tokens",
  { "vocab.json": { a: 0 }, "merges.txt": "" },
  "InputError",
  /special token "<s>" is not in it/,
);
refused(
  "a BERT vocabulary without its special tokens",
  { "vocab.txt": "the\n" },
  "InputError",
  /special token "\[PAD\]" is not among its 1 tokens/,
);

Deno.test("a folder that does not exist", () =>
  withFolder({}, (folder) => {
    assert.throws(() => loadTokenizer(join(folder, "missing")), /it is not a folder/);
  }));

Deno.test("an id outside the vocabulary on decode names its position", () =>
  withFolder({ "vocab.txt": tinyBertVocab }, (folder) => {
    const tokenizer = loadTokenizer(folder);
    for (
      const [id, shown] of [[11, "11"], [-1, "-1"], [1.5, "1.5"], [2n ** 60n, "115292"]] as const
    ) {
      assert.throws(() => tokenizer.decode([5, id]), {
        name: "InputError",
        message: new RegExp(`token id ${shown}\\d* at position 1 .* 0 to 10`),
      });
    }
  }));

Deno.test("a token that nothing can stand for is an error, not a gap", () => {
  const model = { type: "WordPiece", continuing_subword_prefix: "##", vocab: { the: 0 } };
  const json = { added_tokens: [], pre_tokenizer: { type: "Whitespace" }, model };
  return withFolder({ "tokenizer.json": json }, (folder) => {
    const tokenizer = loadTokenizer(folder);
    assert.deepEqual(tokenizer.encode("the").ids, [0]);
    assert.throws(() => tokenizer.encode("the cat"), /no unknown token to stand for it/);
  });
});
