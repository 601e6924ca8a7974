import { type ClientOptions, tokenFile } from "@decorum/rpc";
import type { RewardBatch } from "./source.ts";

/** Settings that all remote rewards have. */
export interface RemoteCalls {
  /** "host:port"; for OpenRLHF's HTTP a URL. */
  readonly address: string;
  /** PEM files: authorities that sign the server; a certificate of one's own. Null: plaintext. */
  readonly tls: {
    readonly ca: string;
    readonly cert: string | null;
    readonly key: string | null;
  } | null;
  /** True: plaintext to an address that is not loopback. */
  readonly insecure: boolean;
  /** File with the bearer token to send. */
  readonly token_file: string | null;
  /** Responses of a call. */
  readonly batch_size: number;
  /** Calls on their way at once. */
  readonly concurrency: number;
  /** Seconds for one call. */
  readonly time_limit_s: number;
  /** Seconds that a server may be away, or overloaded, before the reward gives up. */
  readonly wait_limit_s: number;
}

/** One call to one system. */
export interface Remote extends Disposable {
  /** Scores as they came, unchecked. @throws RpcError, {@link HttpStatusError}, or what `fetch` throws */
  call(batch: RewardBatch, signal: AbortSignal): Promise<unknown>;
}

/** An HTTP answer that is no success. */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatusError";
  constructor(
    readonly status: number,
    /** Milliseconds after which the server allows another try. */
    readonly retryAfterMs: number | undefined,
    body: string,
  ) {
    super(`it answered ${status}${body === "" ? "" : `: ${body.slice(0, 200)}`}`);
  }
}

/** The server could not be reached, or the connection broke. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** Options of a gRPC client to another system: its certificate holds its host's name. */
export function grpcOptions(reward: RemoteCalls): ClientOptions {
  const { address, tls, insecure, token_file: file } = reward;
  return {
    address,
    insecure,
    ...(tls === null ? {} : {
      tls: {
        caFile: tls.ca,
        ...(tls.cert === null ? {} : { certFile: tls.cert }),
        ...(tls.key === null ? {} : { keyFile: tls.key }),
      },
    }),
    ...(file === null ? {} : { token: tokenFile(file) }),
  };
}
