import { byteLetters, trainBpe } from "./bpe.ts";
import { addedToken, type TokenizerFolder } from "./tokenizer_folder.ts";

/** RoBERTa's special tokens, ids 0 to 3; `<mask>` is the last of the vocabulary. */
const specials = ["<s>", "<pad>", "</s>", "<unk>"];

/** A RoBERTa tokenizer (byte-level BPE) with `merges` merges learned from `texts`. */
export function bpeTokenizer(texts: Iterable<string>, merges: number): TokenizerFolder {
  const learned = trainBpe(texts, merges);
  const joined = learned.map((pair) => pair.join(""));
  const tokens = [...new Set([...specials, ...byteLetters, ...joined, "<mask>"])];
  const mask = tokens.length - 1;
  const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    vocabSize: tokens.length,
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [
        ...specials.map((content, id) => addedToken(id, content)),
        { ...addedToken(mask, "<mask>"), lstrip: true },
      ],
      normalizer: null,
      pre_tokenizer: level,
      post_processor: {
        type: "RobertaProcessing",
        sep: ["</s>", 2],
        cls: ["<s>", 0],
        trim_offsets: true,
        add_prefix_space: false,
      },
      decoder: level,
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: "",
        end_of_word_suffix: "",
        fuse_unk: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: learned.map(([left, right]) => `${left} ${right}`),
      },
    },
    config: {
      tokenizer_class: "RobertaTokenizer",
      model_max_length: 128,
      add_prefix_space: false,
      bos_token: "<s>",
      cls_token: "<s>",
      eos_token: "</s>",
      sep_token: "</s>",
      pad_token: "<pad>",
      unk_token: "<unk>",
      mask_token: "<mask>",
      clean_up_tokenization_spaces: false,
    },
  };
}
