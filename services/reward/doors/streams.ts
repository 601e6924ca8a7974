import { resourceExhausted } from "@decorum/rpc";
import type { Caller, DynamicBatcher } from "@decorum/serving";
import type { RewardConfig } from "@decorum/settings";

/** Requests of one stream that are worked on at once. */
const DEPTH = 16;

/** Streams of all doors: how many are open, and how much each may ask. */
export class Streams {
  #open = 0;

  constructor(
    readonly limits: Pick<RewardConfig["limits"], "max_streams" | "max_stream_items">,
    readonly batcher: Pick<DynamicBatcher<never>, "refusal">,
  ) {}

  /**
   * Answers the requests of a stream in order. A request is read only when there is room to work on it, and waits where
   * the queue is full. On Deno 2.9.3 a server does not see that its caller reads slowly, so what a stream may ask is
   * bounded.
   *
   * @param sizeOf items of a request
   * @throws StatusError RESOURCE_EXHAUSTED for a stream too many, or one that asks too much; what `work` throws
   */
  async *answer<T, R>(
    requests: AsyncIterable<T>,
    { signal, deadline }: Pick<Caller, "signal" | "deadline">,
    sizeOf: (request: T) => number,
    work: (request: T, call: Caller) => Promise<R>,
  ): AsyncGenerator<R, void> {
    const { max_streams, max_stream_items } = this.limits;
    if (this.#open >= max_streams) {
      throw this.batcher.refusal("streams", `${max_streams} streams are open`);
    }
    this.#open++;
    // What is still worked on when one request of the stream fails.
    const over = new AbortController();
    const call = { signal: AbortSignal.any([signal, over.signal]), deadline, wait: true };
    let items = 0;
    try {
      yield* inOrder(requests, DEPTH, async (request) => {
        items += sizeOf(request);
        if (items > max_stream_items) {
          throw resourceExhausted(
            `A stream takes ${max_stream_items} items: open another for the others`,
          );
        }
        return await work(request, call);
      });
    } finally {
      this.#open--;
      over.abort();
    }
  }
}

/**
 * Works on the values of a source, up to `depth` at once, and yields the results in the source's order. A value is
 * asked for only when there is room to work on it. The first failure ends it.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T>,
  depth: number,
  work: (value: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const values = source[Symbol.asyncIterator]();
  const running: Promise<R>[] = [];
  let next: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  try {
    while (!ended || running.length > 0) {
      if (!ended && running.length < depth) next ??= values.next();
      const [oldest] = running;
      const came = await Promise.race([
        ...(next ? [next.then((result) => ({ result }))] : []),
        ...(oldest ? [oldest.then((answer) => ({ answer }))] : []),
      ]);
      if ("answer" in came) {
        running.shift();
        yield came.answer;
        continue;
      }
      next = undefined;
      if (came.result.done) {
        ended = true;
        continue;
      }
      const started = work(came.result.value);
      started.catch(() => {});
      running.push(started);
    }
  } finally {
    next?.catch(() => {});
    if (!ended) values.return?.().catch(() => {});
  }
}
