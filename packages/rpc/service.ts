import type { MethodDefinition } from "@grpc/proto-loader";
import type { kinds } from "./gen/kinds.ts";
import type { Identity } from "./identity.ts";

/** Largest message in bytes, both ways, where a server or client does not say another: 64 MiB. */
export const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** Settings of one call. */
export interface CallOptions {
  /** Milliseconds until the call gives up, retries included; default the method's own. */
  readonly deadlineMs?: number | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
}

/** What a handler knows of the call it serves. */
export interface CallContext {
  /** As "decorum.policy.v1.PolicyService/Generate". */
  readonly method: string;
  /** Address of the caller. */
  readonly peer: string;
  /** Who calls. */
  readonly identity: Identity;
  /** Milliseconds since 1970; Infinity where the caller set none. */
  readonly deadline: number;
  /** Aborted with a `StatusError` when the caller has gone, its deadline has passed, or the server ends. */
  readonly signal: AbortSignal;
}

/** How calls of a method are made unless the caller says otherwise. */
export interface MethodPolicy {
  /** Milliseconds until a call gives up, retries included. */
  readonly deadlineMs: number;
  /**
   * Retry UNAVAILABLE, and RESOURCE_EXHAUSTED after the server's pushback: only where a second call does no
   * harm. A stream is retried only while nothing of the answer has come.
   */
  readonly retry: boolean;
}

/** Names of the methods in a generated service definition. */
type MethodName<D> =
  & keyof { [M in keyof D as string extends M ? never : number extends M ? never : M]: D[M] }
  & string;

/**
 * A service of `protos/`: its full name, its file, and a policy for every method. The generated definition `D` and the
 * kinds of the methods of service `N` give clients and servers their types.
 */
export interface Service<D, N extends keyof typeof kinds> {
  /** As "decorum.policy.v1.PolicyService". */
  readonly name: N;
  /** Path of the proto file inside `protos/`. */
  readonly proto: string;
  readonly methods: Readonly<Record<MethodName<D>, MethodPolicy>>;
  /** Never present; carries the types. */
  readonly types?: D;
}

type KindOf<N extends keyof typeof kinds, M> = M extends keyof typeof kinds[N] ? typeof kinds[N][M]
  : never;

type ServerMethod<K, Req, Res> = K extends "unary"
  ? (request: Req, context: CallContext) => Promise<Res>
  : K extends "serverStream" ? (request: Req, context: CallContext) => AsyncIterable<Res>
  : K extends "clientStream" ? (requests: AsyncIterable<Req>, context: CallContext) => Promise<Res>
  : (requests: AsyncIterable<Req>, context: CallContext) => AsyncIterable<Res>;

type ClientMethod<K, Req, Res> = K extends "unary"
  ? (request: Req, options?: CallOptions) => Promise<Res>
  : K extends "serverStream" ? (request: Req, options?: CallOptions) => AsyncGenerator<Res, void>
  : K extends "clientStream"
    ? (requests: AsyncIterable<Req> | Iterable<Req>, options?: CallOptions) => Promise<Res>
  : (
    requests: AsyncIterable<Req> | Iterable<Req>,
    options?: CallOptions,
  ) => AsyncGenerator<Res, void>;

/**
 * What a server implements: one function a method, in camelCase. Streams of answers are async generators;
 * what they yield waits for a slow client. Errors go through `toStatus`.
 */
export type Handlers<S> = S extends Service<infer D, infer N> ? {
    readonly [M in MethodName<D> as Uncapitalize<M>]: D[M] extends
      MethodDefinition<infer _Req, infer Res, infer ReqOut, infer _ResOut>
      ? ServerMethod<KindOf<N, M>, ReqOut, Res>
      : never;
  }
  : never;

/** What a client offers: one function a method, in camelCase. They reject with `RpcError`. */
export type Calls<S> = S extends Service<infer D, infer N> ? {
    readonly [M in MethodName<D> as Uncapitalize<M>]: D[M] extends
      MethodDefinition<infer Req, infer _Res, infer _ReqOut, infer ResOut>
      ? ClientMethod<KindOf<N, M>, Req, ResOut>
      : never;
  }
  : never;

/** Any service, where its types do not matter. */
export type AnyService = {
  readonly name: string;
  readonly proto: string;
  readonly methods: Readonly<Record<string, MethodPolicy>>;
};
