import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import {
  audited,
  type Authorizer,
  checkTransport,
  type Identity,
  isLoopback,
  StatusError,
  trainerService,
} from "@decorum/rpc";
import { HttpError, type HttpTls, openHttpServer, toHttpError } from "@decorum/service";
import type { Logger } from "@decorum/telemetry";
import { answer, problemOf } from "./api.ts";
import { type Asset, loadAssets } from "./assets.ts";
import { checkSite, safeHeaders } from "./guard.ts";
import type { RunControl, RunControls, RunSource } from "./source.ts";
import { RunStream } from "./stream.ts";

export interface UiOptions {
  /** "host:port"; loopback, or with `tls`, or with `insecure`. */
  readonly address: string;
  /** Names under which the page is reached, beside localhost and IP addresses. */
  readonly names: readonly string[];
  /** Undefined: plaintext. */
  readonly tls?: Omit<HttpTls, "clients">;
  /** True: plaintext on addresses that are not loopback. */
  readonly insecure?: boolean;
  readonly source: RunSource;
  /** Undefined: nothing can be changed from here. */
  readonly controls?: RunControls | undefined;
  /** Whose tokens may change runs, and may read where the address is not loopback. */
  readonly authorizer: Authorizer;
  readonly logger: Logger;
}

/** A page that is served. */
export interface Ui extends AsyncDisposable {
  /** As http://127.0.0.1:8080. */
  readonly url: string;
}

/** Calls of the trainer that stand for what is asked of the page: who may make them may ask for it. */
const calls: Readonly<Record<RunControl, string>> = {
  pause: "Pause",
  resume: "Resume",
  checkpoint: "Checkpoint",
  stop: "Stop",
};
const READING = `${trainerService.name}/WatchMetrics`;
/** Pages that are open at once. */
const MOST_CONNECTIONS = 256;
/** Bytes that a page may leave unread. */
const MOST_UNREAD = 4 * 2 ** 20;
/** Bytes from which an answer is compressed. */
const LONG = 2000;

/**
 * Opens the page of runs.
 *
 * Reading is open to whoever reaches a loopback address, and else to holders of a token; what changes a run always
 * needs a token. Nothing is answered to pages of other sites.
 *
 * @throws InputError for plaintext where others could read it; Error when the port cannot be opened
 */
export async function openUi(options: UiOptions): Promise<Ui> {
  const { address, tls, insecure, source, logger } = options;
  checkTransport("serve the page of runs on", address, { tls, insecure });
  const assets = loadAssets();
  const stream = new RunStream(source, (error) => logger.error("runs cannot be read", { error }));
  const closing = new AbortController();
  const page = new Page(options, assets, stream, closing.signal);
  const server = await openHttpServer({
    ...{ address, logger, maxConnections: MOST_CONNECTIONS },
    tls: tls && { ...tls, clients: "ignore" },
    onRequest: (request, response) => void page.serve(request, response),
  });
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      closing.abort();
      stream[Symbol.dispose]();
      await server.close();
      source[Symbol.dispose]();
    },
  };
}

/** One request after another. */
class Page {
  readonly #openReading: boolean;

  constructor(
    readonly options: UiOptions,
    readonly assets: ReadonlyMap<string, Asset>,
    readonly stream: RunStream,
    readonly closing: AbortSignal,
  ) {
    this.#openReading = isLoopback(options.address);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value);
    try {
      const { method = "", headers } = request;
      const secure = (request.socket as Partial<TLSSocket>).encrypted === true;
      checkSite({ method, headers, secure }, this.options.names);
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const path = pathname.split("/").slice(1).map(decoded);
      if (path[0] === "api") return await this.#api(request, response, path.slice(1), searchParams);
      const asset = this.assets.get(pathname);
      if (!asset) throw new HttpError(404, `There is no ${pathname}`);
      this.#reads(method);
      sendAsset(request, response, asset);
    } catch (error) {
      this.#refuse(request, response, error);
    }
  }

  async #api(
    request: IncomingMessage,
    response: ServerResponse,
    path: readonly string[],
    query: URLSearchParams,
  ): Promise<void> {
    const { source, authorizer, controls } = this.options;
    const identity = authorizer.identify({ authorization: request.headers.authorization });
    const control = path[0] === "runs" && path.length === 3 && Object.hasOwn(calls, path[2]!);
    if (control) {
      await this.#control(request, identity, path[1]!, path[2] as RunControl);
      return sendJson(request, response, { done: true });
    }
    this.#reads(request.method ?? "");
    if (path[0] === "session" && path.length === 1) {
      return sendJson(request, response, {
        controls: controls !== undefined,
        reading: this.#openReading || identity.by === "token",
        token: identity.by === "token",
      });
    }
    this.#mayRead(request, identity);
    if (path[0] === "stream" && path.length === 1) return this.#stream(response);
    sendJson(request, response, await answer(source, path, query));
  }

  #reads(method: string): void {
    if (method === "GET" || method === "HEAD") return;
    throw new HttpError(405, `${method} is not for this: GET`, { allow: "GET, HEAD" });
  }

  #mayRead(request: IncomingMessage, identity: Identity): void {
    if (this.#openReading) return;
    const call = { method: READING, peer: peerOf(request), identity };
    const refusal = this.options.authorizer.refusal(call);
    if (refusal) throw refusal;
    if (identity.by !== "token") throw unauthenticated("Reading needs a token here");
  }

  async #control(
    request: IncomingMessage,
    identity: Identity,
    runId: string,
    control: RunControl,
  ): Promise<void> {
    const { controls, authorizer, logger } = this.options;
    if (request.method !== "POST") {
      throw new HttpError(405, `${control} is asked for by POST`, { allow: "POST" });
    }
    const call = {
      method: `${trainerService.name}/${calls[control]}`,
      peer: peerOf(request),
      identity,
    };
    const refusal = authorizer.refusal(call);
    if (refusal) throw refusal;
    // Where nobody has a token, everybody is let in: not here.
    if (identity.by !== "token") throw unauthenticated("What changes a run needs a token");
    if (!controls) {
      throw new StatusError(
        "FAILED_PRECONDITION",
        "This page was started without a trainer's address",
      );
    }
    const fields = { run_id: runId.slice(0, 128), by: "page" };
    await audited({ logger, call, fields }, () => controls[control](runId));
  }

  /** One message a line, until the page goes away. */
  #stream(response: ServerResponse): void {
    response.writeHead(200, {
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
    });
    const stop = this.stream.listen((message) => {
      // A page that does not read what it hears has to begin again.
      if (response.writableLength > MOST_UNREAD) response.destroy();
      else response.write(JSON.stringify(message) + "\n");
    });
    const end = () => {
      stop();
      response.end();
    };
    response.on("close", stop);
    this.closing.addEventListener("abort", end, { once: true });
    response.on("close", () => this.closing.removeEventListener("abort", end));
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const problem = problemOf(error);
    const refusal = problem === undefined ? toHttpError(error) : new HttpError(503, problem);
    if (refusal.status === 500) this.options.logger.error("a page failed", { error });
    if (response.headersSent) return void response.destroy();
    const { "www-authenticate": _, ...headers } = refusal.headers;
    // What is left of a body is not read: the connection cannot be used again.
    const close = request.complete ? {} : { connection: "close" };
    response.writeHead(refusal.status, {
      ...{ ...headers, ...close, "cache-control": "no-store" },
      "content-type": "application/json",
    });
    response.end(JSON.stringify({ error: refusal.message }) + "\n");
  }
}

function unauthenticated(what: string): HttpError {
  return new HttpError(401, `${what}: none that this page knows was sent`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError(400, "The address is not valid");
  }
}

function peerOf({ socket }: IncomingMessage): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function takesGzip(request: IncomingMessage): boolean {
  return /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
}

function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  const headers = { etag: asset.tag, "cache-control": "no-cache", "content-type": asset.type };
  if (request.headers["if-none-match"] === asset.tag) {
    return void response.writeHead(304, headers).end();
  }
  send(request, response, headers, asset.text, () => asset.gzip);
}

function sendJson(request: IncomingMessage, response: ServerResponse, body: unknown): void {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  const text = JSON.stringify(body) + "\n";
  send(request, response, headers, text, text.length < LONG ? undefined : () => gzipSync(text));
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  text: string,
  gzip: (() => Uint8Array) | undefined,
): void {
  const packed = gzip && takesGzip(request);
  response.writeHead(200, packed ? { ...headers, "content-encoding": "gzip" } : headers);
  response.end(request.method === "HEAD" ? undefined : packed ? gzip() : text);
}
