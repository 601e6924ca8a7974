import { type ClientOptions, tokenFile } from "@decorum/rpc";
import type { RewardBatch } from "./source.ts";

/** Settings that all remote rewards have. */
export interface RemoteCalls {
  /** "host:port" of a gRPC server, or the URL of an HTTP one. */
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
  /** Scores as they came, unchecked. @throws RpcError, HttpStatusError, ConnectionError; InputError for what it should not answer */
  call(batch: RewardBatch, signal: AbortSignal): Promise<unknown>;
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
