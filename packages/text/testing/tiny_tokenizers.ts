import { TemporaryFolder } from "@decorum/testing/folder";

/** Runs `test` on a new folder with these files (objects are written as JSON), then removes it. */
export async function withFolder(
  files: Readonly<Record<string, unknown>>,
  test: (folder: string) => void | Promise<void>,
): Promise<void> {
  using folder = new TemporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const raw = typeof content === "string" || content instanceof Uint8Array;
    folder.write(name, raw ? content : JSON.stringify(content));
  }
  await test(folder.path);
}

const added = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const place = (id: string) => ({ Sequence: { id, type_id: 0 } });
const eos = { SpecialToken: { id: "</s>", type_id: 0 } };

/** T5's kind: Unigram with Metaspace, `</s>` behind each text. Ids are places in the vocabulary. */
export const tinyT5 = {
  added_tokens: [added(0, "<pad>"), added(1, "</s>"), added(2, "<unk>")],
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", add_prefix_space: true },
  post_processor: {
    type: "TemplateProcessing",
    single: [place("A"), eos],
    pair: [place("A"), eos, place("B"), eos],
    special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
  },
  decoder: { type: "Metaspace", replacement: "▁", add_prefix_space: true },
  model: {
    type: "Unigram",
    unk_id: 2,
    vocab: [
      ["<pad>", 0],
      ["</s>", 0],
      ["<unk>", 0],
      ["▁", -4],
      ["▁the", -1],
      ["▁cat", -2],
      ["s", -3],
      ["▁sat", -2],
      [".", -3],
    ],
  },
};

/** RoBERTa's kind: byte-level BPE. "Ġ" is a space; the ids of words are the highest. */
export const tinyRobertaVocab = Object.fromEntries(
  ["<s>", "<pad>", "</s>", "<unk>", ..."abcst.", "Ġ", "Ċ", "at", "cat", "Ġcat", "sat", "<mask>"]
    .map((token, id) => [token, id]),
);

export const tinyRobertaMerges = "#version: 0.2\na t\nc at\nĠ cat\ns at\n";

/** BERT's kind: one token a line. */
export const tinyBertVocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\nsat\n.\nCat\n";
