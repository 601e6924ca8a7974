import { resourceExhausted } from "@decorum/rpc";
import type { Metrics } from "@decorum/telemetry";
import type { RewardConfig } from "@decorum/settings";
import type { DeskCall } from "../scoring_desk.ts";
import { inOrder } from "./in_order.ts";

/** Requests of one stream that are worked on at once. */
const DEPTH = 16;
/** Milliseconds after which a caller that found too many streams may open another. */
const PUSHBACK_MS = 1000;

/** Streams of all doors: how many are open, and how much each may ask. */
export class Streams {
  #open = 0;

  constructor(
    readonly limits: Pick<RewardConfig["limits"], "max_streams" | "max_stream_items">,
    readonly metrics: Metrics,
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
    { signal, deadline }: Pick<DeskCall, "signal" | "deadline">,
    sizeOf: (request: T) => number,
    work: (request: T, call: DeskCall) => Promise<R>,
  ): AsyncGenerator<R, void> {
    const { max_streams, max_stream_items } = this.limits;
    if (this.#open >= max_streams) {
      this.metrics.add("decorum_queue_rejections_total", 1, { queue: "score", reason: "streams" });
      throw resourceExhausted(
        `Cannot open a stream: ${max_streams} are open; try again later`,
        PUSHBACK_MS,
      );
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
