import { InputError } from "@decorum/tensor";
import type { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { applyTemplate, specialTokenCount, type Template } from "./post_processor.ts";
import type { SpecialRole, SpecialTokens } from "./tokenizer_config.ts";

/** One text, or a pair, as the ids a model takes. */
interface Encoding {
  /** Token ids, special tokens included. */
  readonly ids: number[];
  /** The token type (segment) of each id: 1 for BERT's second text, else 0. */
  readonly tokenTypeIds: number[];
  /** How many tokens were cut off to stay within `maxLength`. */
  readonly truncated: number;
}

/** The text that gives way when the tokens exceed `maxLength`; `"error"` refuses instead. */
type Truncate = "error" | "first" | "second";

/** What bounds an encoding. */
interface LengthLimit {
  /** The most ids to return, special tokens included; no limit by default. */
  readonly maxLength?: number;
  /** What to do above `maxLength`; `"error"` by default. */
  readonly truncate?: Truncate;
}

/** Options of {@link Tokenizer.encode}. */
interface EncodeOptions extends LengthLimit {
  /** Whether to add the model's special tokens (`</s>`, `<s>`, ...); true by default. */
  readonly addSpecialTokens?: boolean;
  /** A second text, encoded with the first as a pair. */
  readonly textPair?: string;
}

/** Options of {@link Tokenizer.decode}. */
interface DecodeOptions {
  /** Whether to leave out padding, end of sequence and the other special tokens; false by default. */
  readonly skipSpecialTokens?: boolean;
  /**
   * Whether to join punctuation and contractions to the word before (`" ."` becomes `"."`).
   * By default what `clean_up_tokenization_spaces` of the tokenizer's config says, else false.
   */
  readonly cleanUpSpaces?: boolean;
}

/** What a {@link Tokenizer} is made of; {@link loadTokenizer} reads it from a folder. */
interface TokenizerParts {
  /** Where the tokenizer came from, for messages. */
  readonly source: string;
  readonly model: HuggingFaceTokenizer;
  readonly template: Template;
  readonly special: SpecialTokens;
  readonly specialIds: ReadonlySet<number>;
  readonly vocabSize: number;
  readonly modelMaxLength: number;
  readonly truncationSide: "left" | "right";
  readonly cleanUpSpaces: boolean;
}

/** Turns text into the ids of one checkpoint's vocabulary and back. */
export class Tokenizer {
  readonly #parts: TokenizerParts;
  /** The highest id + 1; a model's embedding may have more rows (T5 pads its own to 32128). */
  readonly vocabSize: number;
  /** The most ids the model was made for, from `model_max_length`; Infinity where it says nothing. */
  readonly modelMaxLength: number;
  readonly padId: number | undefined;
  readonly eosId: number | undefined;
  readonly bosId: number | undefined;
  readonly unkId: number | undefined;
  readonly clsId: number | undefined;
  readonly sepId: number | undefined;
  readonly maskId: number | undefined;

  constructor(parts: TokenizerParts) {
    this.#parts = parts;
    this.vocabSize = parts.vocabSize;
    this.modelMaxLength = parts.modelMaxLength;
    const idOf = (role: SpecialRole) => {
      const token = parts.special[role];
      return token === undefined ? undefined : this.tokenToId(token);
    };
    this.padId = idOf("pad");
    this.eosId = idOf("eos");
    this.bosId = idOf("bos");
    this.unkId = idOf("unk");
    this.clsId = idOf("cls");
    this.sepId = idOf("sep");
    this.maskId = idOf("mask");
  }

  /** The id of exactly this token (not of a text); undefined when it is not in the vocabulary. */
  tokenToId(token: string): number | undefined {
    return this.#parts.model.token_to_id(token);
  }

  /** The token of an id as the vocabulary spells it; undefined outside the vocabulary. */
  idToToken(id: number): string | undefined {
    return this.#parts.model.id_to_token(id);
  }

  /**
   * The ids of `text`, or of `text` and `options.textPair` in the model's pair format.
   *
   * @throws InputError when the ids exceed `maxLength` and may not, or cannot, be truncated.
   */
  encode(text: string, options: EncodeOptions = {}): Encoding {
    const { source, template, truncationSide } = this.#parts;
    const { addSpecialTokens = true, textPair, maxLength = Infinity, truncate = "error" } = options;
    if (Number.isNaN(maxLength) || maxLength < 0) {
      throw new InputError(`Cannot encode a text into at most ${maxLength} tokens`);
    }
    const texts: [number[], number[]] = [
      this.#idsOf(text),
      textPair === undefined ? [] : this.#idsOf(textPair),
    ];
    const items = template[textPair === undefined ? "single" : "pair"]
      .filter((item) => addSpecialTokens || "text" in item);
    const total = texts[0].length + texts[1].length + specialTokenCount(items);
    const excess = Math.max(0, total - maxLength);
    if (excess > 0) {
      const cut = texts[truncate === "second" ? 1 : 0];
      if (truncate === "error" || cut.length < excess) {
        throw new InputError(
          `Cannot encode ${
            textPair === undefined ? "a text" : "a pair of texts"
          } with the tokenizer of ${source}: ` +
            `it has ${total} tokens (${
              describeLengths(texts, textPair, items)
            }), at most ${maxLength} are allowed; ` +
            (truncate === "error"
              ? `shorten it or set truncate to "first"`
              : `the ${truncate} text alone cannot give up ${excess}`),
        );
      }
      cut.splice(truncationSide === "left" ? 0 : cut.length - excess, excess);
    }
    return { ...applyTemplate(items, texts), truncated: excess };
  }

  /**
   * The ids of a pair of texts with its special tokens: RoBERTa `<s> a </s></s> b </s>`,
   * BERT `[CLS] a [SEP] b [SEP]`, T5 `a </s> b </s>`.
   *
   * @throws InputError when the ids exceed `maxLength` and may not, or cannot, be truncated.
   */
  encodePair(first: string, second: string, limit: LengthLimit = {}): Encoding {
    return this.encode(first, { ...limit, textPair: second });
  }

  /**
   * The text of `ids`, which may come from an int64 tensor.
   *
   * @throws InputError for an id outside the vocabulary, naming its position.
   */
  decode(ids: Iterable<number | bigint>, options: DecodeOptions = {}): string {
    const { source, model, specialIds } = this.#parts;
    const skip = options.skipSpecialTokens ?? false;
    const kept: number[] = [];
    let position = 0;
    for (const given of ids) {
      const id = Number(given);
      if (this.idToToken(id) === undefined) {
        throw new InputError(
          `Cannot decode token id ${given} at position ${position} with the tokenizer of ${source}: expected an id of its vocabulary, 0 to ${
            this.vocabSize - 1
          }; were these ids made by another tokenizer?`,
        );
      }
      if (!(skip && specialIds.has(id))) kept.push(id);
      position++;
    }
    if (kept.length === 0) return "";
    return model.decode(kept, {
      skip_special_tokens: skip,
      clean_up_tokenization_spaces: options.cleanUpSpaces ?? this.#parts.cleanUpSpaces,
    });
  }

  #idsOf(text: string): number[] {
    const { ids, tokens } = this.#parts.model.encode(text, { add_special_tokens: false }) as {
      ids: (number | undefined)[];
      tokens: string[];
    };
    return ids.map((id, i) => {
      if (id !== undefined) return id;
      throw new InputError(
        `Cannot encode ${
          JSON.stringify(tokens[i])
        } with the tokenizer of ${this.#parts.source}: it is not in the vocabulary, and there is no unknown token to stand for it`,
      );
    });
  }
}

function describeLengths(
  texts: readonly [readonly number[], readonly number[]],
  textPair: string | undefined,
  items: Template["single"],
): string {
  const special = `${specialTokenCount(items)} special`;
  return textPair === undefined
    ? `${texts[0].length} of the text, ${special}`
    : `${texts[0].length} of the first text, ${texts[1].length} of the second, ${special}`;
}
