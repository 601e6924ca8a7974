import type { OtlpSink, SpanNode } from "@decorum/telemetry";

/** Seconds between two exports of a process that is watched. */
export const EXPORT_INTERVAL_S = 1;
/** Milliseconds without a new span of a trace after which it is taken as whole. */
const QUIET_MS = 2500 * EXPORT_INTERVAL_S;
const LOOK_EVERY_MS = 250;

/**
 * Hands over each trace that a sink has received once no more spans of it come, in the order of their
 * starts, and forgets it.
 */
export class TraceWatch {
  readonly #seen = new Map<string, { spans: number; at: number }>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly sink: OtlpSink, readonly onTrace: (roots: readonly SpanNode[]) => void) {
    this.#timer = setInterval(() => this.#look(QUIET_MS), LOOK_EVERY_MS);
  }

  /** Hands over what is there. */
  end(): void {
    clearInterval(this.#timer);
    this.#look(0);
  }

  #look(quietMs: number): void {
    const now = performance.now();
    const counts = new Map<string, number>();
    for (const { traceId } of this.sink.spans) {
      counts.set(traceId, (counts.get(traceId) ?? 0) + 1);
    }
    const whole: (readonly SpanNode[])[] = [];
    for (const [traceId, spans] of counts) {
      const before = this.#seen.get(traceId);
      if (before?.spans !== spans) this.#seen.set(traceId, { spans, at: now });
      const since = now - (before?.spans === spans ? before.at : now);
      const roots = since >= quietMs ? this.sink.tree(traceId) : [];
      if (roots.length === 0) continue;
      // A step whose own span has not ended yet still runs, however quiet it is.
      if (quietMs > 0 && roots.some(({ parentSpanId }) => parentSpanId !== "")) continue;
      whole.push(roots);
      this.#seen.delete(traceId);
      this.sink.clear(traceId);
    }
    const starts = (roots: readonly SpanNode[]) => roots[0]!.start;
    for (const roots of whole.toSorted((a, b) => Number(starts(a) - starts(b)))) {
      this.onTrace(roots);
    }
  }
}
