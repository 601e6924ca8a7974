import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { JudgeCall, JudgeLogits, JudgeModel, JudgeReply } from "./judge_messages.ts";
import { probabilities, sigmoids } from "./probabilities.ts";

/** Files that the folder must have. */
const files = ["onnx/model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"];

/** What a judge says of one text. */
export interface Judgement {
  /** Raw logits of all labels. */
  readonly logits: readonly number[];
  /** Their softmax; sigmoids where the model has one label, or labels that do not exclude each other. */
  readonly probabilities: readonly number[];
}

interface Judgements {
  readonly judgements: readonly Judgement[];
  /** Tokens that were cut off the end of the longest text, because the model cannot take them. */
  readonly cut: number;
}

/** A ready-made classifier of an ONNX folder, run by Transformers.js in a thread of its own. */
export class Judge implements Disposable {
  readonly #worker = new Worker(new URL("./judge_worker.ts", import.meta.url), { type: "module" });
  #last: Promise<unknown> = Promise.resolve();
  #model: JudgeModel = { labels: [], multiLabel: false };
  #fail = (_: Error): void => {};
  #death: Error | undefined;

  private constructor(
    readonly folder: string,
    /** SHA-256 in hexadecimal over configuration, tokenizer, model and weights. */
    readonly version: string,
  ) {
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message);
    };
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
    for (
      const file of ["onnx/model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"]
    ) {
      if (existsSync(join(path, file))) continue;
      throw new Error(
        `Cannot load the judge ${path}: it has no ${file}; write such a folder with "decorum export --onnx"`,
      );
    }
    const judge = new Judge(path, await hashFolder(path));
    try {
      const call = { kind: "load", folder: path, threads: options.threads ?? 0 } as const;
      judge.#model = await judge.#call<JudgeModel>(call);
    } catch (cause) {
      judge.terminate();
      const { message } = cause as Error;
      throw new Error(`Cannot load the judge ${path}: ${message}`, { cause });
    }
    return judge;
  }

  /** The folder's name. */
  get name(): string {
    return basename(this.folder);
  }

  /** Label names in the order of the logits. */
  get labels(): readonly string[] {
    return this.#model.labels;
  }

  /** Index of a label by its name. @throws RangeError listing the labels there are. */
  labelIndex(label: string): number {
    const index = this.labels.indexOf(label);
    if (index >= 0) return index;
    throw new RangeError(
      `Cannot judge by label "${label}": the labels of ${this.folder} are ${
        this.labels.map((name) => `"${name}"`).join(", ")
      }`,
    );
  }

  /** Judges texts, executed as one padded batch. Calls are taken one after another. */
  async judge(texts: readonly string[]): Promise<Judgements> {
    if (texts.length === 0) return { judgements: [], cut: 0 };
    const { logits, cut } = await this.#call<JudgeLogits>({ kind: "run", texts });
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
        probabilities: this.#model.multiLabel ? sigmoids(row) : probabilities(row),
      };
    });
    return { judgements, cut };
  }

  /** Ends the thread; what waits for it fails. */
  terminate(): void {
    this.#die("it was terminated");
  }

  [Symbol.dispose](): void {
    this.terminate();
  }

  #die(why: string): void {
    this.#death ??= new Error(`Cannot use the judge ${this.folder}: its thread has ended: ${why}`);
    this.#worker.terminate();
    this.#fail(this.#death);
  }

  #call<T extends JudgeModel | JudgeLogits>(call: JudgeCall): Promise<T> {
    const result = this.#last.then(() => this.#send<T>(call));
    this.#last = result.catch(() => {});
    return result;
  }

  #send<T>(call: JudgeCall): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#death) return reject(this.#death);
      this.#fail = reject;
      this.#worker.onmessage = ({ data }: MessageEvent<JudgeReply>) => {
        if (data.ok) resolve(data.result as T);
        else reject(new Error(data.message));
      };
      this.#worker.postMessage(call);
    });
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
