import { InputError } from "@decorum/tensor";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type JudgeLogits, type JudgeModel, JudgeThread } from "./judge_thread.ts";
import { probabilities } from "./probabilities.ts";

/** Files that the folder must have. */
const files = ["onnx/model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"];

/** What a judge says of one text. */
interface Judgement {
  /** Raw logits of all labels. */
  readonly logits: readonly number[];
  /** What they stand for: see `probabilities`. */
  readonly probabilities: readonly number[];
}

interface Judgements {
  readonly judgements: readonly Judgement[];
  /** Tokens that were cut off the end of the longest text, because the model cannot take them. */
  readonly cut: number;
}

/** A ready-made classifier of an ONNX folder, run by Transformers.js in a thread of its own. */
export class Judge implements Disposable {
  #terminated = false;
  #thread: JudgeThread;
  #model: JudgeModel;

  private constructor(
    readonly folder: string,
    /** SHA-256 in hexadecimal over configuration, tokenizer, model and weights. */
    readonly version: string,
    /** Threads inside one operator. */
    readonly threads: number,
    { thread, model }: Opened,
  ) {
    this.#thread = thread;
    this.#model = model;
  }

  /** The thread that runs it now. */
  get thread(): JudgeThread {
    return this.#thread;
  }

  /**
   * Loads a folder as {@link exportClassifierOnnx} and the Hugging Face hub have it: `onnx/model.onnx`,
   * `config.json`, `tokenizer.json`, `tokenizer_config.json`. Nothing is downloaded.
   *
   * @param options.threads threads inside one operator; 0 takes one per physical core
   * @throws Error when a file is missing or the model cannot be loaded
   */
  static async load(folder: string, options: { readonly threads?: number } = {}): Promise<Judge> {
    const path = resolve(folder);
    for (const file of files) {
      if (existsSync(join(path, file))) continue;
      throw new InputError(
        `Cannot load the judge ${path}: it has no ${file}; write such a folder with "decorum export --onnx"`,
      );
    }
    const { threads = 0 } = options;
    return new Judge(path, await hashFolder(path), threads, await open(path, threads));
  }

  /** The folder's name. */
  get name(): string {
    return basename(this.folder);
  }

  /** Label names in the order of the logits. */
  get labels(): readonly string[] {
    return this.#model.labels;
  }

  /** Index of a label by its name. @throws InputError listing the labels there are. */
  labelIndex(label: string): number {
    const index = this.labels.indexOf(label);
    if (index >= 0) return index;
    throw new InputError(
      `Cannot judge by label "${label}": the labels of ${this.folder} are ${
        this.labels.map((name) => `"${name}"`).join(", ")
      }`,
    );
  }

  /**
   * Judges texts, executed as one padded batch. Calls are taken one after another. A thread that has ended by
   * itself is started again.
   *
   * @throws Error when the thread ends, was terminated, or the model fails
   */
  async judge(texts: readonly string[]): Promise<Judgements> {
    if (texts.length === 0) return { judgements: [], cut: 0 };
    if (!this.#thread.alive && !this.#terminated) {
      ({ thread: this.#thread, model: this.#model } = await open(this.folder, this.threads));
    }
    const { logits, cut } = await this.#thread.call<JudgeLogits>({ kind: "run", texts });
    const width = this.labels.length;
    if (logits.length !== texts.length * width) {
      throw new Error(
        `Cannot use the judge ${this.folder}: it gave ${logits.length} logits for ${texts.length} texts and ${width} labels`,
      );
    }
    const judgements = texts.map((_, i) => {
      const row = [...logits.subarray(i * width, (i + 1) * width)];
      return {
        logits: row,
        probabilities: probabilities(this.#model, row),
      };
    });
    return { judgements, cut };
  }

  /** Ends the thread; what waits for it fails. */
  terminate(): void {
    this.#terminated = true;
    this.#thread.terminate();
  }

  [Symbol.dispose](): void {
    this.terminate();
  }
}

interface Opened {
  readonly thread: JudgeThread;
  readonly model: JudgeModel;
}

async function open(folder: string, threads: number): Promise<Opened> {
  const thread = new JudgeThread(folder);
  try {
    return { thread, model: await thread.call<JudgeModel>({ kind: "load", folder, threads }) };
  } catch (cause) {
    thread.terminate();
    throw new Error(`Cannot load the judge ${folder}: ${(cause as Error).message}`, { cause });
  }
}

async function hashFolder(folder: string): Promise<string> {
  const parts = readdirSync(join(folder, "onnx")).filter((name) =>
    /^model\.onnx(_data(_\d+)?)?$/.test(name)
  );
  const hash = createHash("sha256");
  for (const name of [...files.slice(1), ...parts.sort().map((part) => `onnx/${part}`)]) {
    hash.update(name);
    for await (
      const chunk of createReadStream(join(folder, name), { highWaterMark: 4 * 2 ** 20 })
    ) {
      hash.update(chunk as Uint8Array);
    }
  }
  return hash.digest("hex");
}
