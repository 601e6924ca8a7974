import { InputError } from "@decorum/tensor";
import { loadTokenizer, type Tokenizer } from "@decorum/text";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import {
  baseModelHash,
  type Classifier,
  type ClassifierConfig,
  type ClassifierText,
  labelIndex,
  maxPositions,
  openClassifier,
  tokenizerHash,
} from "@decorum/models";
import type { RunOptions } from "@decorum/runtime";
import { checkPrecision, ClassifierSession, type ScoringRuntime } from "./classifier_session.ts";
import { describeAgreement, type Int8Agreement, int8Agreement, sampleTexts } from "./int8.ts";
import { probabilities } from "./probabilities.ts";

/** A text to score: a response, alone or after the query that it answers. */
export interface TextItem {
  readonly query?: string | undefined;
  readonly response: string;
}

/** An item as a classifier takes it. */
export interface EncodedItem extends ClassifierText {
  /** Tokens that were cut off. */
  readonly truncated: number;
}

/** An item has more tokens than the classifier or the limits take. */
export class TooLongError extends InputError {
  override readonly name = "TooLongError";
}

interface ItemLimit {
  /** The most tokens of an item, special ones included. */
  readonly maxTokens: number;
  /** Cuts what is too long: of a pair the query, never the response; else the response, at its end. */
  readonly truncate: boolean;
}

/**
 * Encodes an item in the classifier's own format for one text or for a pair.
 *
 * @param name the item in messages, as `item 3`
 * @throws TooLongError when it is too long and may not be cut, or the response of a pair is too long by itself
 */
export function encodeItem(
  tokenizer: Tokenizer,
  { query, response }: TextItem,
  { maxTokens, truncate }: ItemLimit,
  name: string,
): EncodedItem {
  const encode = (limit: { maxLength?: number; truncate?: "first" }) =>
    query === undefined
      ? tokenizer.encode(response, limit)
      : tokenizer.encodePair(query, response, limit);
  const whole = encode({});
  if (whole.ids.length <= maxTokens) return whole;
  const found = `Cannot score ${name}: it has ${whole.ids.length} tokens, at most ${maxTokens} ` +
    "are allowed";
  if (!truncate) throw new TooLongError(`${found}; shorten it, or set truncate`);
  // A response that would not fit behind an empty query.
  if (query !== undefined && tokenizer.encodePair("", response).ids.length > maxTokens) {
    throw new TooLongError(`${found}; a response is never cut, and this one alone is too long`);
  }
  return encode({ maxLength: maxTokens, truncate: "first" });
}

export interface TextClassifierOptions {
  readonly runtime?: ScoringRuntime;
  /** In int8: the most that a logit of a sample text may differ from its fp32; default 0.5. */
  readonly maxInt8Difference?: number;
  /** The most tokens of an item; the model's positions and its tokenizer's own limit bound it in any case. */
  readonly maxTokens?: number;
  /** What it is called; default the folder's name. */
  readonly name?: string;
}

/** A sequence classifier of a Hugging Face folder with its tokenizer: texts in, logits out. */
export class TextClassifier implements AsyncDisposable {
  #session: ClassifierSession;
  #reloading: Promise<void> | undefined;
  readonly #open: () => Promise<ClassifierSession>;

  private constructor(
    /** The folder's name, or the one that was given. */
    readonly name: string,
    /** SHA-256 in hexadecimal over configuration, weights and tokenizer. */
    readonly version: string,
    readonly config: ClassifierConfig,
    readonly tokenizer: Tokenizer,
    /** The most tokens of an item, special ones included. */
    readonly maxTokens: number,
    /** How int8 compares with fp32; undefined in other precisions. */
    readonly agreement: Int8Agreement | undefined,
    open: () => Promise<ClassifierSession>,
    session: ClassifierSession,
  ) {
    this.#open = open;
    this.#session = session;
  }

  /**
   * Reads a folder and loads its model in a thread of its own. In int8 its logits of `sampleTexts` are compared with
   * those in fp32 first.
   *
   * @throws Error for a folder or file that is missing; InputError naming file and field; InputError
   * for int8 on CUDA, and where int8 is farther from fp32 than `maxInt8Difference`
   */
  static async load(folder: string, options: TextClassifierOptions = {}): Promise<TextClassifier> {
    const path = resolve(folder);
    if (!existsSync(path)) {
      throw new InputError(
        `Cannot load a classifier: there is no folder ${path}; name a Hugging Face folder of a sequence classifier`,
      );
    }
    const model = openClassifier(path);
    const tokenizer = loadTokenizer(path);
    const { runtime = {}, maxInt8Difference = 0.5 } = options;
    checkPrecision(path, runtime);
    const int8 = runtime.precision === "int8";
    const hashed = ["decorum classifier", 1, await baseModelHash(path), tokenizerHash(path)];
    const version = createHash("sha256")
      .update(JSON.stringify(int8 ? [...hashed, "int8"] : hashed))
      .digest("hex");
    const open = () => ClassifierSession.open(path, model, runtime);
    const most = Math.min(maxPositions(model), tokenizer.modelMaxLength);
    const { maxTokens = most } = options;
    if (maxTokens > most) {
      throw new InputError(
        `Cannot load the classifier ${path} for items of ${maxTokens} tokens: it takes at most ${most}`,
      );
    }
    // First and alone, so that two models are never in memory at once.
    const fp32 = int8 ? await fp32Samples(path, model, tokenizer, maxTokens, runtime) : undefined;
    const session = await open();
    try {
      const agreement = fp32 && int8Agreement(fp32.logits, await session.logits(fp32.texts));
      // Not "greater than", which NaN never is.
      if (agreement && !(agreement.maxDifference <= maxInt8Difference)) {
        throw new InputError(
          `Cannot load the classifier ${path} in int8: ${describeAgreement(agreement)}; at most ` +
            `${maxInt8Difference} is allowed. Use precision fp32, or allow more`,
        );
      }
      const name = options.name ?? basename(path);
      return new TextClassifier(
        name,
        version,
        model.config,
        tokenizer,
        maxTokens,
        agreement,
        open,
        session,
      );
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Label names in the order of the logits. */
  get labels(): readonly string[] {
    return this.config.labels;
  }

  /** Whether texts run without padding. */
  get packed(): boolean {
    return this.#session.packed;
  }

  /** False once the model's thread has ended: `reload` makes a new one. */
  get alive(): boolean {
    return this.#session.alive;
  }

  /** Index of a label by its name. @throws InputError listing the labels there are. */
  labelIndex(label: string): number {
    return labelIndex(this.config, label);
  }

  /** What logits of a text stand for: see {@link probabilities}. */
  probabilities(logits: ArrayLike<number>): number[] {
    return probabilities(this.config, logits);
  }

  /** See {@link encodeItem}. */
  encode(item: TextItem, limit: Pick<ItemLimit, "truncate">, name: string): EncodedItem {
    return encodeItem(this.tokenizer, item, { ...limit, maxTokens: this.maxTokens }, name);
  }

  /**
   * Logits of items. On the CPU an item's are the same bits alone and among any others.
   *
   * @returns `[labels]` float32 for each item, in order
   * @throws InputError for an empty batch; WorkerDiedError when the thread ends
   */
  async logits(
    items: readonly ClassifierText[],
    options: Pick<RunOptions, "signal"> = {},
  ): Promise<Float32Array[]> {
    return await this.#session.logits(items, options);
  }

  /** Loads the model again where its thread has ended. */
  async reload(): Promise<void> {
    if (this.alive) return;
    this.#reloading ??= this.#open()
      .then((session) => void (this.#session = session))
      .finally(() => this.#reloading = undefined);
    await this.#reloading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** `sampleTexts` as tokens, and their logits in fp32. */
async function fp32Samples(
  folder: string,
  model: Classifier,
  tokenizer: Tokenizer,
  maxTokens: number,
  runtime: ScoringRuntime,
) {
  const texts = sampleTexts.map((response, i) =>
    encodeItem(tokenizer, { response }, { maxTokens, truncate: true }, `sample ${i}`)
  );
  // On the weights where they lie: a copy in the kernels' order would not pay for one run.
  await using fp32 = await ClassifierSession.open(folder, model, {
    ...runtime,
    precision: "fp32",
    prepack: false,
  });
  return { texts, logits: await fp32.logits(texts) };
}
