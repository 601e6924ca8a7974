import { addedToken, type TokenizerFolder } from "./tokenizer_folder.ts";

/** Ids of T5's special tokens: places in the vocabulary. */
const specials = ["<pad>", "</s>", "<unk>"];

/** Log-probability of a single letter: far below any word's, so that letters only spell unknown words. */
const LETTER_SCORE = -20;

const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));

/**
 * A T5 tokenizer (Unigram, Kudo 2018; Metaspace) of whole words, with their frequencies in `texts` as
 * probabilities, and of single ASCII characters for all other words.
 */
export function unigramTokenizer(texts: Iterable<string>): TokenizerFolder {
  const counts = new Map<string, number>();
  let total = 0;
  for (const text of texts) {
    for (const word of text.split(/\s+/)) {
      for (const piece of `▁${word}`.match(/▁?[\p{L}\p{N}]+|./gu) ?? []) {
        counts.set(piece, (counts.get(piece) ?? 0) + 1);
        total++;
      }
    }
  }
  const words = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const known = new Set(counts.keys());
  const vocab: [string, number][] = [
    ...specials.map((token): [string, number] => [token, 0]),
    ...words.map(([piece, n]): [string, number] => [piece, Math.log(n / total)]),
    ...["▁", ...printable].filter((letter) => !known.has(letter))
      .map((letter): [string, number] => [letter, LETTER_SCORE]),
  ];
  const place = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const eos = { SpecialToken: { id: "</s>", type_id: 0 } };
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  return {
    vocabSize: vocab.length,
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: specials.map((content, id) => addedToken(id, content)),
      normalizer: null,
      pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] },
      post_processor: {
        type: "TemplateProcessing",
        single: [place("A"), eos],
        pair: [place("A"), eos, place("B"), eos],
        special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
      },
      decoder: metaspace,
      model: { type: "Unigram", unk_id: 2, vocab, byte_fallback: false },
    },
    config: {
      tokenizer_class: "T5Tokenizer",
      model_max_length: 512,
      pad_token: "<pad>",
      eos_token: "</s>",
      unk_token: "<unk>",
      extra_ids: 0,
      clean_up_tokenization_spaces: false,
    },
  };
}
