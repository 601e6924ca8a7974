import { bytesPerElement, type DType, InputError } from "./tensor.ts";
import { isJsonObject, repeatedJsonKey } from "./json.ts";

/** Where one tensor's bytes lie in a file: row-major, little-endian. */
export interface TensorEntry {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Bytes from the start of the file, as ONNX external data counts them. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** The header of a safetensors file. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The format's name of the element type of tensors that cannot be read, by the tensor's name. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** The format's names of the element types that tensors here can have. */
export const safetensorsTypes = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
} as const satisfies Record<string, DType>;

/** Bits of an element of the format's other types. */
const otherTypes: Readonly<Record<string, number>> = {
  C64: 64,
  U64: 64,
  U32: 32,
  I16: 16,
  U16: 16,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};

/** Most bytes a header may have, as in the reference implementation. */
export const maxHeaderBytes = 100_000_000;

type Fail = (found: string) => never;

type Place = Pick<TensorEntry, "offset" | "length">;

/**
 * Reads the JSON header of a safetensors file, which begins at byte 8, and checks that the tensors
 * cover the rest of a file of `fileLength` bytes exactly: no overlap, no gap, nothing left over.
 *
 * @param file the name that errors give.
 * @throws InputError for anything the format forbids, naming file, tensor, what was found and expected.
 */
export function parseSafetensorsHeader(
  json: Uint8Array,
  fileLength: number,
  file: string,
): SafetensorsHeader {
  const fail: Fail = (found) => {
    throw new InputError(`Cannot read safetensors file ${file}: ${found}`);
  };
  const header = parseJson(json, fail);
  const metadata = readMetadata(header["__metadata__"], fail);
  const dataStart = 8 + json.length;
  const tensors = new Map<string, TensorEntry>();
  const unreadable = new Map<string, string>();
  const places = new Map<string, Place>();
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const failTensor: Fail = (found) => fail(`tensor ${JSON.stringify(name)} ${found}`);
    const { type, dims, ...place } = readEntry(value, dataStart, failTensor);
    places.set(name, place);
    const dtype = safetensorsTypes[type as keyof typeof safetensorsTypes] as DType | undefined;
    if (dtype) tensors.set(name, { dtype, dims, ...place });
    else unreadable.set(name, type);
  }
  checkCoverage(places, dataStart, fileLength, fail);
  return { metadata, tensors, unreadable };
}

function parseJson(json: Uint8Array, fail: Fail): Record<string, unknown> {
  if (json[0] !== 0x7b) {
    fail(`the header starts with byte ${json[0] ?? "(none)"}, expected 123, the character "{"`);
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    value = JSON.parse(text);
  } catch (cause) {
    return fail(`the header is not valid JSON in UTF-8: ${(cause as Error).message}`);
  }
  const repeated = repeatedJsonKey(text);
  if (repeated !== undefined) {
    fail(`the header has the key ${JSON.stringify(repeated)} twice in one object, expected once`);
  }
  return value as Record<string, unknown>;
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  // The reference implementation reads null as none.
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) {
    return fail(`__metadata__ is ${show(value)}, expected an object of strings`);
  }
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== "string") {
      fail(`__metadata__ field ${JSON.stringify(key)} is ${show(entry)}, expected a string`);
    }
  }
  return value as Record<string, string>;
}

function readEntry(
  value: unknown,
  dataStart: number,
  fail: Fail,
): Place & { readonly type: string; readonly dims: readonly number[] } {
  if (!isJsonObject(value)) {
    return fail(`is described by ${show(value)}, expected an object of dtype, shape, data_offsets`);
  }
  const { dtype: type, shape, data_offsets: offsets, ...others } = value;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) fail(`has the unknown field ${JSON.stringify(unknown)}`);
  const bits = typeof type === "string" ? bitsOf(type) : undefined;
  if (typeof type !== "string" || bits === undefined) {
    const known = [...Object.keys(safetensorsTypes), ...Object.keys(otherTypes)].join(", ");
    return fail(`has dtype ${show(type)}, expected one of ${known}`);
  }
  if (!isSizes(shape)) {
    return fail(`has shape ${show(shape)}, expected an array of non-negative integers`);
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail(`has data_offsets ${show(offsets)}, expected two non-negative integers`);
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin) fail(`has data_offsets [${offsets}], expected the first not above the second`);
  let expected = bits / 8;
  for (const size of shape) {
    expected *= size;
    if (!(expected <= Number.MAX_SAFE_INTEGER)) {
      fail(`has shape [${shape}], whose size in bytes overflows (limit 2^53 - 1)`);
    }
  }
  if (end - begin !== expected) {
    fail(
      `spans ${end - begin} bytes (data_offsets [${offsets}]), expected ${expected} for ` +
        `${type} of shape [${shape}]`,
    );
  }
  return { type, dims: shape, offset: dataStart + begin, length: expected };
}

function bitsOf(type: string): number | undefined {
  if (Object.hasOwn(otherTypes, type)) return otherTypes[type];
  if (!Object.hasOwn(safetensorsTypes, type)) return undefined;
  return 8 * bytesPerElement(safetensorsTypes[type as keyof typeof safetensorsTypes]);
}

function checkCoverage(
  tensors: ReadonlyMap<string, Place>,
  dataStart: number,
  fileLength: number,
  fail: Fail,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let reached = dataStart;
  let previous = "the header";
  for (const [key, { offset, length }] of inOrder) {
    const name = `tensor ${JSON.stringify(key)}`;
    if (offset < reached) {
      fail(`${name} starts at byte ${offset}, inside ${previous}, which ends at ${reached}`);
    }
    if (offset > reached) {
      fail(
        `there is a gap of ${
          offset - reached
        } bytes between ${previous}, which ends at ${reached}, ` +
          `and ${name}, which starts at ${offset}; expected none`,
      );
    }
    reached = offset + length;
    if (reached > fileLength) {
      fail(
        `${name} ends at byte ${reached}, but the file has ${fileLength} bytes; ` +
          "it is truncated, fetch it again",
      );
    }
    previous = name;
  }
  if (reached !== fileLength) {
    fail(
      `${
        fileLength - reached
      } trailing bytes follow ${previous}: the file has ${fileLength} bytes, ` +
        `expected ${reached}`,
    );
  }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
