/**
 * What the packages take from the web platform and Node 20 lacks: `Worker` and `Promise.withResolvers`.
 * Injected in front of both bundles, that of the main thread and that of the worker.
 *
 * @module
 */
import { isMainThread, parentPort, Worker as Thread } from "node:worker_threads";

/** A web worker over a Node thread; the worker's bundle lies beside this one, with its own ending. */
class NodeWorker {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onmessageerror: (() => void) | undefined;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | undefined;
  readonly #thread: Thread;

  constructor(url: URL) {
    this.#thread = new Thread(new URL(url.href.replace(/\.ts$/, ".mjs")));
    this.#thread.on("message", (data) => this.onmessage?.({ data }));
    this.#thread.on("messageerror", () => this.onmessageerror?.());
    this.#thread.on("error", ({ message }) => this.onerror?.({ message, preventDefault() {} }));
  }

  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void {
    this.#thread.postMessage(message, transfer);
  }

  terminate(): void {
    this.#thread.terminate();
  }
}

function withResolvers<T>() {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let reject!: (reason?: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

Promise.withResolvers ??= withResolvers;
if (isMainThread) Object.assign(globalThis, { Worker: NodeWorker });
else {
  const scope = globalThis as unknown as { onmessage(event: { data: unknown }): void };
  const port = parentPort!;
  Object.assign(globalThis, { postMessage: port.postMessage.bind(port) });
  port.on("message", (data) => scope.onmessage({ data }));
}
