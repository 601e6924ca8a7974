import type { Readable, Writable } from "node:stream";

/**
 * The messages of a stream, pulled: nothing is read from the network while nobody asks. Unlike the stream's
 * own iterator, it gives every message that was read before an error came. `failure` says what ended the stream early,
 * once `ended` is aborted.
 */
export async function* receive<T>(
  source: Readable,
  ended: AbortSignal,
  failure: () => unknown,
): AsyncGenerator<T, void, void> {
  let wake = (): void => {};
  let over = false;
  const onReadable = () => wake();
  const onEnd = () => {
    over = true;
    wake();
  };
  source.on("readable", onReadable);
  source.on("end", onEnd);
  ended.addEventListener("abort", onReadable);
  try {
    while (true) {
      const message = source.read() as T | null;
      if (message !== null) {
        yield message;
        continue;
      }
      const error = failure();
      if (error !== undefined) throw error;
      if (over || source.readableEnded || source.destroyed) return;
      await new Promise<void>((resolve) => wake = resolve);
    }
  } finally {
    source.off("readable", onReadable);
    source.off("end", onEnd);
    ended.removeEventListener("abort", onReadable);
  }
}

/** Writes a message and, where the other side is slow, waits until it has room. @throws what `ended` gives as its reason. */
export async function send(sink: Writable, message: unknown, ended: AbortSignal): Promise<void> {
  ended.throwIfAborted();
  if (sink.write(message)) return;
  await new Promise<void>((resolve, reject) => {
    const finish = (): void => {
      sink.off("drain", finish);
      ended.removeEventListener("abort", finish);
      if (ended.aborted) reject(ended.reason);
      else resolve();
    };
    sink.on("drain", finish);
    ended.addEventListener("abort", finish);
  });
}

/** The promise's outcome, or the signal's reason where that comes first. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {});
  }
}
