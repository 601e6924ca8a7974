import { InputError } from "@decorum/tensor";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { ModelSource } from "./options.ts";

/** What onnxruntime is given: a file or bytes, and the folder external data is searched in. */
interface PreparedModel {
  readonly model: string | Uint8Array<ArrayBuffer>;
  readonly folder: string | undefined;
}

function commonFolder(files: readonly string[]): string {
  const [first = [], ...rest] = files.map((f) => dirname(f).split(sep));
  const differs = first.findIndex((part, i) => rest.some((other) => other[i] !== part));
  return first.slice(0, differs < 0 ? first.length : differs).join(sep) || sep;
}

function realFile(what: string, location: string, file: string): string {
  try {
    return realpathSync(resolve(file));
  } catch (cause) {
    throw new InputError(
      `${what}: cannot open "${file}", given for external data "${location}"; expected a readable file`,
      { cause },
    );
  }
}

/**
 * Points a model's external data at the files it stands for.
 *
 * onnxruntime (since 1.22) takes only locations that, with symbolic links followed, stay inside one folder:
 * the model's own, or for a model given as bytes the one named by the session configuration entry
 * `session.model_external_initializers_file_folder_path`. So links are followed here, the folder is the
 * deepest one that holds all files, and locations are rewritten relative to it. The graph is small; the
 * weights are mapped where they lie.
 *
 * @param what the attempt, to begin error messages with
 * @throws InputError unless exactly one of bytes and path is given, or for external data with no file; Error
 * for a file that cannot be opened
 */
export function prepareModel(what: string, source: ModelSource): PreparedModel {
  const { bytes, path, externalData } = source;
  if ((bytes === undefined) === (path === undefined)) {
    throw new InputError(`${what}: give the model as either bytes or path`);
  }
  if (path !== undefined && externalData === undefined) {
    return { model: resolve(path), folder: undefined };
  }
  const graph = bytes ?? readFileSync(path ?? "");
  if (externalData === undefined) return { model: new Uint8Array(graph), folder: undefined };

  const real = new Map(
    Object.entries(externalData).map((
      [location, file],
    ) => [location, realFile(what, location, file)]),
  );
  const folder = commonFolder([...real.values()]);
  const rename = (location: string): string => {
    const file = real.get(location);
    if (file === undefined) {
      throw new InputError(
        `${what}: the model has external data "${location}", files are given only for ${
          [...real.keys()].map((l) => `"${l}"`).join(", ") || "none"
        }`,
      );
    }
    return relative(folder, file);
  };
  return {
    model: new Uint8Array(renameExternalLocations(graph, rename)),
    folder: join(folder, sep),
  };
}

// Rewriting the locations: walks the protobuf wire format along the few fields of `onnx.proto` that lead to tensors,
// without decoding the rest.

type Kind = "model" | "function" | "graph" | "node" | "attribute" | "tensor" | "entry";

/** Message-valued fields to follow, by message and field number of `onnx.proto`. */
const children: Record<Kind, Readonly<Record<number, Kind>>> = {
  model: { 7: "graph", 25: "function" },
  function: { 7: "node" },
  graph: { 1: "node", 5: "tensor" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph" },
  tensor: { 13: "entry" },
  entry: {},
};
const KEY = 1, VALUE = 2; // fields of StringStringEntryProto
const LENGTH_DELIMITED = 2; // wire type

function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  throw new InputError(`Cannot read the model: it ends or breaks inside a number at byte ${at}`);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push(value % 0x80 | 0x80);
  return Uint8Array.from([...bytes, value]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

interface Field {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  /** The content of a length-delimited field. */
  readonly content: Uint8Array | undefined;
}

function* fields(message: Uint8Array): Generator<Field> {
  for (let start = 0; start < message.length;) {
    const tag = readVarint(message, start);
    const wire = tag.value % 8;
    const number = Math.floor(tag.value / 8);
    let end: number;
    let content: Uint8Array | undefined;
    if (wire === 0) end = readVarint(message, tag.end).end;
    else if (wire === 1) end = tag.end + 8;
    else if (wire === 5) end = tag.end + 4;
    else if (wire === LENGTH_DELIMITED) {
      const length = readVarint(message, tag.end);
      end = length.end + length.value;
      content = message.subarray(length.end, end);
    } else throw new InputError(`Cannot read the model: wire type ${wire} at byte ${start}`);
    if (end > message.length) {
      throw new InputError(
        `Cannot read the model: field ${number} at byte ${start} needs ${end} bytes, ${message.length} are left`,
      );
    }
    yield { number, start, end, content };
    start = end;
  }
}

function rewriteEntry(entry: Uint8Array, rename: (location: string) => string): Uint8Array {
  const text = new TextDecoder();
  let key = "", value = "";
  for (const { number, content } of fields(entry)) {
    if (number === KEY) key = text.decode(content);
    if (number === VALUE) value = text.decode(content);
  }
  const renamed = key === "location" ? rename(value) : value;
  if (renamed === value) return entry;
  const encode = (field: number, s: string) => {
    const utf8 = new TextEncoder().encode(s);
    return [varint(field * 8 + LENGTH_DELIMITED), varint(utf8.length), utf8];
  };
  return concat([...encode(KEY, key), ...encode(VALUE, renamed)]);
}

function rewrite(
  kind: Kind,
  message: Uint8Array,
  rename: (location: string) => string,
): Uint8Array {
  if (kind === "entry") return rewriteEntry(message, rename);
  const parts: Uint8Array[] = [];
  let copied = 0;
  for (const { number, start, end, content } of fields(message)) {
    const child = children[kind][number];
    if (!child || !content) continue;
    const changed = rewrite(child, content, rename);
    if (changed === content) continue;
    parts.push(
      message.subarray(copied, start),
      varint(number * 8 + LENGTH_DELIMITED),
      varint(changed.length),
      changed,
    );
    copied = end;
  }
  return parts.length === 0 ? message : concat([...parts, message.subarray(copied)]);
}

/**
 * The model with every external-data location, subgraphs included, put through `rename`.
 *
 * @returns `model` itself when no location changed
 * @throws InputError when the bytes are not a protobuf message; whatever `rename` throws
 */
export function renameExternalLocations(
  model: Uint8Array,
  rename: (location: string) => string,
): Uint8Array {
  return rewrite("model", model, rename);
}
