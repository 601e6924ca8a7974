import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { encodeModel } from "@decorum/onnx";
import {
  baseModelHash,
  buildClassifierGraph,
  classifierBatch,
  type ClassifierConfig,
  labelIndex,
  loadClassifierConfig,
  maxPositions,
  openCheckpoint,
  tokenizerHash,
} from "@decorum/models";
import {
  createSession,
  type InferenceSession,
  type RunOptions,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import { computeTypeOf } from "@decorum/tensor";
import { loadTokenizer, type Tokenizer } from "@decorum/text";
import { type EncodedItem, encodeItem, type ItemLimit, type TextItem } from "./encode_item.ts";

export interface TextClassifierOptions {
  readonly runtime?: RuntimeOptions;
  /** The most tokens of an item; the model's positions and its tokenizer's own limit bound it in any case. */
  readonly maxTokens?: number;
  /** What it is called; default the folder's name. */
  readonly name?: string;
}

/** A sequence classifier of a Hugging Face folder with its tokenizer: texts in, logits out. */
export class TextClassifier implements AsyncDisposable {
  #session: InferenceSession;
  #worker: SessionWorker;
  #reloading: Promise<void> | undefined;
  readonly #open: () => Promise<Opened>;

  private constructor(
    /** The folder's name, or the one that was given. */
    readonly name: string,
    /** SHA-256 in hexadecimal over configuration, weights and tokenizer. */
    readonly version: string,
    readonly config: ClassifierConfig,
    readonly tokenizer: Tokenizer,
    /** The most tokens of an item, special ones included. */
    readonly maxTokens: number,
    open: () => Promise<Opened>,
    { session, worker }: Opened,
  ) {
    this.#open = open;
    this.#session = session;
    this.#worker = worker;
  }

  /**
   * Reads a folder and loads its model in a thread of its own.
   *
   * @throws Error for a folder or file that is missing; TypeError or RangeError naming file and field
   */
  static async load(folder: string, options: TextClassifierOptions = {}): Promise<TextClassifier> {
    const path = resolve(folder);
    if (!existsSync(path)) {
      throw new Error(
        `Cannot load a classifier: there is no folder ${path}; name a Hugging Face folder of a sequence classifier`,
      );
    }
    const config = loadClassifierConfig(path);
    const tokenizer = loadTokenizer(path);
    const version = createHash("sha256")
      .update(
        JSON.stringify(["decorum classifier", 1, await baseModelHash(path), tokenizerHash(path)]),
      )
      .digest("hex");
    const open = () => openSession(path, config, options.runtime ?? {});
    const most = Math.min(maxPositions(config), tokenizer.modelMaxLength);
    const { maxTokens = most } = options;
    if (maxTokens > most) {
      throw new RangeError(
        `Cannot load the classifier ${path} for items of ${maxTokens} tokens: it takes at most ${most}`,
      );
    }
    return new TextClassifier(
      options.name ?? basename(path),
      version,
      config,
      tokenizer,
      maxTokens,
      open,
      await open(),
    );
  }

  /** Label names in the order of the logits. */
  get labels(): readonly string[] {
    return this.config.labels;
  }

  /** False once the model's thread has ended: `reload` makes a new one. */
  get alive(): boolean {
    return this.#worker.alive;
  }

  /** Index of a label by its name. @throws RangeError listing the labels there are. */
  labelIndex(label: string): number {
    return labelIndex(this.config, label);
  }

  /** See {@link encodeItem}. */
  encode(item: TextItem, limit: Pick<ItemLimit, "truncate">, name: string): EncodedItem {
    return encodeItem(this.tokenizer, item, { ...limit, maxTokens: this.maxTokens }, name);
  }

  /**
   * Logits of items, executed as one padded batch.
   *
   * @returns `[labels]` float32 for each item, in order
   * @throws RangeError for an empty batch; WorkerDiedError when the thread ends
   */
  async logits(
    items: readonly Pick<EncodedItem, "ids">[],
    options: Pick<RunOptions, "signal"> = {},
  ): Promise<Float32Array[]> {
    const { feeds } = classifierBatch(items.map(({ ids }) => ids), this.config);
    const { logits } = await this.#session.run(feeds, ["logits"], { ...options, transfer: true });
    const all = logits!.data as Float32Array;
    const width = this.labels.length;
    return items.map((_, i) => all.slice(i * width, (i + 1) * width));
  }

  /** Loads the model again where its thread has ended. */
  async reload(): Promise<void> {
    if (this.alive) return;
    this.#reloading ??= this.#open().then(({ session, worker }) => {
      this.#session = session;
      this.#worker = worker;
    }).finally(() => this.#reloading = undefined);
    await this.#reloading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
    this.#worker.terminate();
  }
}

interface Opened {
  readonly session: InferenceSession;
  readonly worker: SessionWorker;
}

async function openSession(
  folder: string,
  config: ClassifierConfig,
  runtime: RuntimeOptions,
): Promise<Opened> {
  using index = openCheckpoint(folder);
  const computeType = computeTypeOf(runtime.precision ?? "fp32");
  const { graph, files } = buildClassifierGraph({ config, index, computeType });
  const worker = new SessionWorker();
  try {
    const session = await createSession(
      { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
      { ...runtime, name: graph.name },
      worker,
    );
    return { session, worker };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
