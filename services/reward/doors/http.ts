import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { rewardService, StatusError, unavailable } from "@decorum/rpc";
import { HttpError, openHttpServer, type ServerSecurity, toHttpError } from "@decorum/service";
import type { Logger, Metrics } from "@decorum/telemetry";
import type { ScoringDesk } from "../scoring_desk.ts";
import { getReward } from "./get_reward.ts";

/** Who may score over gRPC may score over HTTP. */
const METHOD = `${rewardService.name}/Score`;
/** Milliseconds until a request is given up. */
const ANSWER_MS = 120_000;

export interface HttpDoorOptions {
  readonly address: string;
  readonly desk: ScoringDesk;
  readonly security: ServerSecurity;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** An open HTTP door. */
export interface HttpDoor {
  /** As http://127.0.0.1:5000. */
  readonly url: string;
  /** Refuses new requests from now on, and `/healthz` says that it does not serve. */
  drain(): void;
  /** Waits for the requests that run, then closes the port. */
  close(): Promise<void>;
}

/**
 * Opens `POST /get_reward` and `GET /healthz`.
 *
 * @throws Error when the port cannot be opened
 */
export async function openHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const { address, desk, security, logger, metrics } = options;
  let draining = false;
  const running = new Set<Promise<void>>();

  const routes: Readonly<Record<string, { method: string; run: Route }>> = {
    "/get_reward": {
      method: "POST",
      async run(request, url, signal) {
        authorize(request, security);
        if (draining) throw unavailable("the server is draining", 1000);
        const body = await readJson(request, desk.config.limits.max_request_bytes);
        const deadline = Date.now() + ANSWER_MS;
        return {
          status: 200,
          body: await getReward(desk, body, url.searchParams, { signal, deadline }),
        };
      },
    },
    "/healthz": {
      method: "GET",
      run: () =>
        Promise.resolve(
          desk.live.now && !draining
            ? { status: 200, body: { status: "serving" } }
            : { status: 503, body: { status: "not serving" } },
        ),
    },
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const began = performance.now();
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) {
        gone.abort(new StatusError("CANCELLED", "the caller has gone away"));
      }
    });
    const url = new URL(request.url ?? "/", "http://localhost");
    const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
    let status: number;
    try {
      if (route === undefined) {
        throw new HttpError(404, `There is no ${url.pathname}: POST /get_reward or GET /healthz`);
      }
      if (request.method !== route.method) {
        throw new HttpError(405, `${url.pathname} takes ${route.method} only`, {
          allow: route.method,
        });
      }
      const answer = await route.run(request, url, gone.signal);
      status = answer.status;
      send(response, status, answer.body);
    } catch (error) {
      const refusal = toHttpError(error);
      status = refusal.status;
      if (status === 500) logger.error("request failed", { http_route: url.pathname, error });
      // What is left of the body is not read: the connection cannot be used again.
      const close = request.complete ? {} : { connection: "close" };
      send(response, status, { error: refusal.message }, { ...refusal.headers, ...close });
    }
    metrics.observe("http_server_request_duration_seconds", (performance.now() - began) / 1000, {
      http_route: route === undefined ? "unknown" : url.pathname,
      http_response_status_code: String(status),
    });
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const done = serve(request, response).catch((error: unknown) => {
      logger.error("request failed", { error });
      response.destroy();
    }).finally(() => running.delete(done));
    running.add(done);
  };
  const server = await openHttpServer({
    ...{ address, tls: security.tls, onRequest, logger, metrics },
    maxConnections: desk.config.limits.max_connections,
  });
  return {
    url: server.url,
    drain: () => {
      draining = true;
    },
    async close() {
      draining = true;
      await Promise.all(running);
      await server.close();
    },
  };
}

type Route = (
  request: IncomingMessage,
  url: URL,
  signal: AbortSignal,
) => Promise<{ readonly status: number; readonly body: unknown }>;

/** @throws StatusError UNAUTHENTICATED or PERMISSION_DENIED */
function authorize(request: IncomingMessage, { authorizer }: ServerSecurity): void {
  const socket = request.socket as Partial<TLSSocket>;
  const identity = authorizer.identify({
    authorization: request.headers.authorization,
    certificate: socket.authorized ? socket.getPeerCertificate?.() : undefined,
  });
  const peer = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  const refusal = authorizer.refusal({ method: METHOD, peer, identity });
  if (refusal) throw refusal;
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed) return;
  response.writeHead(status, { ...headers, "content-type": "application/json" });
  response.end(JSON.stringify(body) + "\n");
}

/**
 * The JSON of a request's body.
 *
 * @throws HttpError 413 for more than `most` bytes, before they are all read; 415 for another content type or an
 * encoding; 400 for what is not JSON in UTF-8, or a body that ended early
 */
async function readJson(request: IncomingMessage, most: number): Promise<unknown> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
  if (!/^application\/(.+\+)?json\s*(;|$)/i.test(type)) {
    throw new HttpError(415, `Cannot read a body of type "${type}": expected application/json`);
  }
  if (encoding !== "identity") {
    throw new HttpError(
      415,
      `Cannot read a body with content-encoding "${encoding}": send it plain`,
    );
  }
  const bytes = await readBytes(request, most);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, "Cannot read the body: it is not valid UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `Cannot read the body: ${(error as Error).message}`);
  }
}

async function readBytes(request: IncomingMessage, most: number): Promise<Uint8Array> {
  const tooLong = () =>
    new HttpError(413, `Cannot read the body: at most ${most} bytes are allowed; send fewer texts`);
  if (Number(request.headers["content-length"] ?? 0) > most) throw tooLong();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > most) throw tooLong();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "Cannot read the body: it ended early");
  }
  return Buffer.concat(chunks);
}
