import type { JudgeCall, JudgeLogits, JudgeModel, JudgeReply } from "./judge_messages.ts";

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
