import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { decodeJsonSpans, decodeProtobufSpans } from "./otlp_decode.ts";

/** A span as the sink received it. */
export interface SinkSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer" | "unspecified";
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Spans of other traces or branches that this one names. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: "unset" | "ok" | "error";
  readonly statusMessage: string;
  /** What happened in it: an error and its causes are events called "exception". */
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  /** `service.name` of the process that made it. */
  readonly service: string;
}

/** A span with its children in order of their start. */
export interface SpanNode extends SinkSpan {
  readonly children: readonly SpanNode[];
}

/** A collector for tests and `decorum dev`: takes OTLP over HTTP, protobuf or JSON, and keeps spans in memory. */
export interface OtlpSink {
  readonly url: string;
  readonly spans: readonly SinkSpan[];
  /** The roots of a trace (of all traces, when no id is given): spans whose parent was not received. */
  tree(traceId?: string): readonly SpanNode[];
  /**
   * Resolves when `done` holds; it is asked at once and after every export.
   *
   * @throws Error after `timeoutMs` (default 5000), naming the spans received.
   */
  waitFor(done: (spans: readonly SinkSpan[]) => boolean, timeoutMs?: number): Promise<void>;
  /** Forgets the spans of one trace, or all. */
  clear(traceId?: string): void;
  close(): Promise<void>;
}

/** Opens a sink on a free port of the loopback (or on `port`). */
export async function startOtlpSink(port = 0): Promise<OtlpSink> {
  let spans: SinkSpan[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    receive(request).then(
      (received) => {
        spans.push(...received);
        response.writeHead(200, { "content-type": request.headers["content-type"] ?? "" }).end();
        for (const watcher of watchers) watcher();
      },
      (error: Error) => response.writeHead(400).end(error.message),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get spans() {
      return spans;
    },
    tree: (traceId) => buildTree(spans.filter((s) => !traceId || s.traceId === traceId)),
    waitFor: (done, timeoutMs = 5000) =>
      new Promise((resolve, reject) => {
        if (done(spans)) return resolve();
        const finish = () => {
          watchers.delete(check);
          clearTimeout(timer);
        };
        const check = () => {
          if (!done(spans)) return;
          finish();
          resolve();
        };
        const timer = setTimeout(() => {
          finish();
          const names = spans.map((span) => `${span.service}:${span.name}`).join(", ");
          reject(
            new Error(`The spans awaited did not come in ${timeoutMs} ms; received: ${names}`),
          );
        }, timeoutMs);
        watchers.add(check);
      }),
    clear: (traceId) => void (spans = traceId ? spans.filter((s) => s.traceId !== traceId) : []),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(request: IncomingMessage): Promise<SinkSpan[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (!request.url?.endsWith("/v1/traces")) throw new Error("only /v1/traces is served");
  const raw = Buffer.concat(chunks);
  const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
  return request.headers["content-type"]?.includes("json")
    ? decodeJsonSpans(JSON.parse(body.toString("utf8")))
    : decodeProtobufSpans(body);
}

function buildTree(spans: readonly SinkSpan[]): SpanNode[] {
  const ids = new Set(spans.map((span) => span.spanId));
  const node = (span: SinkSpan): SpanNode => ({
    ...span,
    children: order(spans.filter((s) => s.parentSpanId === span.spanId)).map(node),
  });
  return order(spans.filter((span) => !ids.has(span.parentSpanId))).map(node);
}

function order(spans: readonly SinkSpan[]): SinkSpan[] {
  return spans.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}
