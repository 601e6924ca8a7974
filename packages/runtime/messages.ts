import type { DType } from "@decorum/tensor";
import type { ThreadMemory } from "./usage.ts";

/** A tensor as it crosses between threads: its storage is transferred, not copied. */
export interface WireTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView<ArrayBuffer>;
}

/** An input or output of a session. A dimension is its size, or its symbol where it may vary. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string)[];
}

/** What the main thread asks of a worker. */
export type Call =
  | {
    readonly kind: "create";
    readonly session: number;
    readonly name: string;
    readonly model: string | Uint8Array<ArrayBuffer>;
    /** Options in onnxruntime-node's own names. */
    readonly options: Readonly<Record<string, unknown>>;
  }
  | {
    readonly kind: "run";
    readonly session: number;
    readonly feeds: Readonly<Record<string, WireTensor>>;
    readonly fetches: readonly string[];
  }
  | { readonly kind: "endProfiling"; readonly session: number }
  | { readonly kind: "release"; readonly session: number };

/** What a call gives back, by its kind. */
export interface Results {
  create: { readonly inputs: readonly ValueInfo[]; readonly outputs: readonly ValueInfo[] };
  run: Readonly<Record<string, WireTensor>>;
  endProfiling: undefined;
  release: undefined;
}

/** A worker's answer to the one call it was given. */
export type Reply =
  | {
    readonly ok: true;
    readonly result: Results[keyof Results];
    /** Now and then: how much the thread holds. */
    readonly memory: ThreadMemory | undefined;
    /** Of a "create": private memory that the process grew by, in bytes. */
    readonly grownBy: number;
  }
  | { readonly ok: false; readonly name: string; readonly message: string };

/** The distinct buffers behind `tensors`, for a transfer list. */
export function buffersOf(tensors: Readonly<Record<string, WireTensor>>): ArrayBuffer[] {
  return [...new Set(Object.values(tensors).map((t) => t.data.buffer))];
}
