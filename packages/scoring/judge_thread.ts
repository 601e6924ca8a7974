import type { ClassifierConfig } from "@decorum/models";

/** Asked of the judge's thread, one at a time. */
export type JudgeCall =
  | { readonly kind: "load"; readonly folder: string; readonly threads: number }
  | { readonly kind: "run"; readonly texts: readonly string[] };

/** What the model is. */
export interface JudgeModel {
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** What its `config.json` says of the logits. */
  readonly problem_type: ClassifierConfig["problem_type"];
}

/** What it said of the texts. */
export interface JudgeLogits {
  /** `[texts, labels]`, row by row. */
  readonly logits: Float32Array;
  /** Tokens that the longest text has above the model's limit, which are cut off at its end; 0: none. */
  readonly cut: number;
}

export type JudgeReply =
  | { readonly ok: true; readonly result: JudgeModel | JudgeLogits }
  | { readonly ok: false; readonly message: string };

/** The thread of one judge. It takes calls one after another. */
export class JudgeThread {
  readonly #worker = new Worker(new URL("./judge_worker.ts", import.meta.url), { type: "module" });
  #last: Promise<unknown> = Promise.resolve();
  #fail = (_: Error): void => {};
  #death: Error | undefined;

  /** @param folder of the judge, for messages */
  constructor(readonly folder: string) {
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message);
    };
  }

  /** False once the thread has ended. */
  get alive(): boolean {
    return this.#death === undefined;
  }

  /** @throws Error with the thread's words, or when it has ended or ends before it answers */
  call<T extends JudgeModel | JudgeLogits>(call: JudgeCall): Promise<T> {
    const result = this.#last.then(() => this.#send<T>(call));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Ends the thread; what waits for it fails. */
  terminate(): void {
    this.#die("it was terminated");
  }

  #die(why: string): void {
    this.#death ??= new Error(`Cannot use the judge ${this.folder}: its thread has ended: ${why}`);
    this.#worker.terminate();
    this.#fail(this.#death);
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
