import type { MethodDefinition } from "@grpc/proto-loader";
import type { CallContext } from "./call_context.ts";
import type { CallOptions } from "./call_options.ts";

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
export type MethodName<D> =
  & keyof { [M in keyof D as string extends M ? never : number extends M ? never : M]: D[M] }
  & string;

type Kind<H> = H extends (...args: infer A) => void
  ? A["length"] extends 2 ? A extends [{ request: unknown }, unknown] ? "unary" : "clientStream"
  : A extends [{ request: unknown }] ? "serverStream"
  : "bidi"
  : never;

/**
 * A service of `protos/`: its full name, its file, and a policy for every method. `D` and `H` are the
 * generated definition and handlers, which give clients and servers their types.
 */
export interface Service<D, H> {
  /** As "decorum.policy.v1.PolicyService". */
  readonly name: string;
  /** Path of the proto file inside `protos/`. */
  readonly proto: string;
  readonly methods: Readonly<Record<MethodName<D>, MethodPolicy>>;
  /** Never present; carries the types. */
  readonly types?: { readonly definition: D; readonly handlers: H };
}

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
export type Handlers<S> = S extends Service<infer D, infer H> ? {
    readonly [M in MethodName<D> as Uncapitalize<M>]: D[M] extends
      MethodDefinition<infer _Req, infer Res, infer ReqOut, infer _ResOut>
      ? ServerMethod<M extends keyof H ? Kind<H[M]> : never, ReqOut, Res>
      : never;
  }
  : never;

/** What a client offers: one function a method, in camelCase. They reject with `RpcError`. */
export type Calls<S> = S extends Service<infer D, infer H> ? {
    readonly [M in MethodName<D> as Uncapitalize<M>]: D[M] extends
      MethodDefinition<infer Req, infer _Res, infer _ReqOut, infer ResOut>
      ? ClientMethod<M extends keyof H ? Kind<H[M]> : never, Req, ResOut>
      : never;
  }
  : never;

/** Any service, where its types do not matter. */
export type AnyService = Pick<Service<unknown, unknown>, "name" | "proto"> & {
  readonly methods: Readonly<Record<string, MethodPolicy>>;
};
