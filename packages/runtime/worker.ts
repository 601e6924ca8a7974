/**
 * The thread that runs onnxruntime. The binding's `run` blocks its thread, so it never runs on the main one.
 * Takes one call at a time: the main thread keeps the queue.
 *
 * @module
 */
import process from "node:process";
import { type DType, InputError } from "@decorum/tensor";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { memoryUse, type ThreadMemory } from "./usage.ts";
import {
  buffersOf,
  type Call,
  type Reply,
  type Results,
  type ValueInfo,
  type WireTensor,
} from "./messages.ts";

// Half floats pass as Uint16Array bits: N-API in Deno 2.9.3 ends the process when it meets a Float16Array,
// which onnxruntime-common (that looks for it when it makes its first tensor) would otherwise turn them into.
Reflect.deleteProperty(globalThis, "Float16Array");

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Call>) => void;
  postMessage(reply: Reply, transfer: ArrayBuffer[]): void;
};
const sessions = new Map<number, InferenceSession>();

function sessionOf(id: number): InferenceSession {
  const session = sessions.get(id);
  if (!session) throw new Error(`internal: no session ${id} in this worker`);
  return session;
}

/** The binding throws this bare text for an input or output of bfloat16 (ONNX type 16). */
const BFLOAT16_REFUSED = "Unsupported data type: 16";

async function create(call: Extract<Call, { kind: "create" }>): Promise<Results["create"]> {
  const options = call.options as InferenceSession.SessionOptions;
  const session = typeof call.model === "string"
    ? await InferenceSession.create(call.model, options)
    : await InferenceSession.create(call.model, options);
  sessions.set(call.session, session);
  const infos = (metadata: readonly InferenceSession.ValueMetadata[]): ValueInfo[] =>
    metadata.map(valueInfo);
  return { inputs: infos(session.inputMetadata), outputs: infos(session.outputMetadata) };
}

async function run(call: Extract<Call, { kind: "run" }>): Promise<Results["run"]> {
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, { dtype, dims, data }] of Object.entries(call.feeds)) {
    feeds[name] = new OrtTensor(toOrtDType(dtype), data as OrtTensor.DataType, dims);
  }
  const results = await sessionOf(call.session).run(feeds, [...call.fetches]);
  return Object.fromEntries(call.fetches.map((name) => [name, fromOrt(name, results[name])]));
}

async function answer(call: Call): Promise<Results[keyof Results]> {
  switch (call.kind) {
    case "create":
      return await create(call);
    case "run":
      return await run(call);
    case "endProfiling":
      return sessionOf(call.session).endProfiling() as undefined;
    case "release": {
      const session = sessionOf(call.session);
      sessions.delete(call.session);
      return await session.release() as undefined;
    }
  }
}

/** Milliseconds between two looks at the memory of this thread. */
const LOOK_EVERY_MS = 1000;
let lookedAt = -Infinity;

function look(): ThreadMemory | undefined {
  const now = performance.now();
  if (now - lookedAt < LOOK_EVERY_MS) return undefined;
  lookedAt = now;
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, buffers: external };
}

scope.onmessage = async ({ data: call }) => {
  try {
    const before = call.kind === "create" ? memoryUse().anonymous : 0;
    const result = await answer(call);
    const grownBy = call.kind === "create" ? memoryUse().anonymous - before : 0;
    scope.postMessage(
      { ok: true, result, memory: look(), grownBy },
      call.kind === "run" ? buffersOf(result as Results["run"]) : [],
    );
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const said = message === BFLOAT16_REFUSED
      ? "an input or output is bfloat16, which onnxruntime-node cannot pass; cast it inside the graph"
      : message;
    scope.postMessage({ ok: false, name, message: said }, []);
  }
};

/** Types the node binding moves between JavaScript and onnxruntime, under the names it uses. */
const portable = [
  "float32",
  "float64",
  "float16",
  "int8",
  "uint8",
  "int32",
  "int64",
  "bool",
] as const;

type PortableDType = typeof portable[number];

/** True for the types that can be an input or an output; bfloat16 may only live inside a graph. */
function isPortable(dtype: string): dtype is PortableDType {
  return (portable as readonly string[]).includes(dtype);
}

/**
 * The binding's name of an element type.
 *
 * @throws InputError for bfloat16, which the binding cannot pass.
 */
function toOrtDType(dtype: DType): PortableDType {
  if (!isPortable(dtype)) {
    throw new InputError(
      `Cannot pass a ${dtype} tensor to onnxruntime-node: cast inside the graph`,
    );
  }
  return dtype;
}

/** Name, element type and dimensions of an input or output. */
function valueInfo(metadata: InferenceSession.ValueMetadata): ValueInfo {
  const { name } = metadata;
  if (!metadata.isTensor || !isPortable(metadata.type)) {
    const found = metadata.isTensor ? metadata.type : "not a tensor";
    throw new InputError(`Cannot use graph input or output "${name}": it is ${found}`);
  }
  return { name, dtype: metadata.type, dims: metadata.shape };
}

/** An output as plain data. */
function fromOrt(name: string, value: OrtTensor | undefined): WireTensor {
  if (!value || !isPortable(value.type) || !ArrayBuffer.isView(value.data)) {
    throw new Error(`internal: output "${name}" came back as ${value?.type ?? "nothing"}`);
  }
  const data = value.data as ArrayBufferView<ArrayBuffer>;
  return { dtype: value.type, dims: value.dims, data };
}
