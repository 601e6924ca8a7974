import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { LabelsOf } from "./metrics.ts";

/** Why spans are lost. */
type DropReason = LabelsOf<"decorum_telemetry_dropped_spans_total">["reason"];

interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  /** Spans that may wait; one more is dropped. */
  readonly maxQueued: number;
  /** Spans in one export. */
  readonly maxBatch: number;
  /** Milliseconds between exports while fewer than `maxBatch` wait. */
  readonly delayMs: number;
  /** Milliseconds after which an export counts as failed. */
  readonly exportTimeoutMs: number;
  /** Told how many spans the collector took. */
  readonly onSent: (spans: number) => void;
  /** Told of every loss: how many spans and why. */
  readonly onDrop: (spans: number, reason: DropReason, details: string) => void;
}

/**
 * A span processor that never holds up the program: one export at a time, a bounded queue, and what does not
 * fit, or could not be sent, is dropped and counted.
 */
export class SpanQueue implements SpanProcessor {
  #queue: ReadableSpan[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #exporting: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly options: SpanQueueOptions) {}

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & 1) === 0) return;
    if (this.#closed) return this.options.onDrop(1, "shutdown", "it ended after the shutdown");
    if (this.#queue.length >= this.options.maxQueued) {
      return this.options.onDrop(1, "queue_full", `${this.options.maxQueued} spans wait`);
    }
    this.#queue.push(span);
    if (this.#queue.length >= this.options.maxBatch) void this.#export();
    else this.#schedule();
  }

  /** Sends what waits now. Resolves when it is sent or dropped. */
  async forceFlush(): Promise<void> {
    await this.#exporting;
    while (this.#queue.length > 0) await this.#export();
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    await this.forceFlush();
    await this.options.exporter.shutdown();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#exporting) return;
    this.#timer = setTimeout(() => void this.#export(), this.options.delayMs);
    this.#timer.unref();
  }

  #export(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#exporting ??= this.#send(this.#queue.splice(0, this.options.maxBatch)).then(() => {
      this.#exporting = undefined;
      if (this.#closed || this.#queue.length === 0) return;
      if (this.#queue.length >= this.options.maxBatch) void this.#export();
      else this.#schedule();
    });
    return this.#exporting;
  }

  #send(spans: ReadableSpan[]): Promise<void> {
    return new Promise((resolve) => {
      let done = false;
      const finish = (reason?: DropReason, details = ""): void => {
        if (done) return;
        done = true;
        clearTimeout(timeout);
        if (reason === undefined) this.options.onSent(spans.length);
        else this.options.onDrop(spans.length, reason, details);
        resolve();
      };
      const { exportTimeoutMs } = this.options;
      const timeout = setTimeout(
        () => finish("export_timeout", `no answer in ${exportTimeoutMs} ms`),
        exportTimeoutMs,
      );
      timeout.unref();
      try {
        this.options.exporter.export(spans, (result: ExportResult) => {
          if (result.code === ExportResultCode.SUCCESS) finish();
          else finish("export_failed", result.error?.message);
        });
      } catch (error) {
        finish("export_failed", error instanceof Error ? error.message : String(error));
      }
    });
  }
}
