/** Files as PyTorch writes them. */
import { Buffer } from "node:buffer";

/** A zip file of stored members, written from the format's description; checksums are left 0. */
export function zipFile(
  members: Readonly<Record<string, Uint8Array>>,
  options: { zip64?: boolean; method?: number; flags?: number; comment?: string } = {},
): Buffer<ArrayBuffer> {
  const { zip64 = false, method = 0, flags = 0, comment = "" } = options;
  const local: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(members)) {
    const nameBytes = Buffer.from(name);
    const size = zip64 ? 0xffffffff : data.length;
    const extra = zip64
      ? numbers([2, 1], [2, 24], [8, data.length], [8, data.length], [8, offset])
      : Buffer.alloc(0);
    const common = numbers([2, 20], [2, flags], [2, method], [4, 0], [4, 0], [4, size], [4, size]);
    const head = Buffer.concat([
      numbers([4, 0x04034b50]),
      common,
      numbers([2, nameBytes.length], [2, 3]),
      nameBytes,
      // A local extra field of a length of its own, as torch.save writes for alignment.
      Buffer.alloc(3),
    ]);
    local.push(head, data);
    directory.push(
      numbers([4, 0x02014b50], [2, 20]),
      common,
      numbers([2, nameBytes.length], [2, extra.length], [2, 0], [2, 0], [2, 0], [4, 0]),
      numbers([4, zip64 ? 0xffffffff : offset]),
      nameBytes,
      extra,
    );
    offset += head.length + data.length;
  }
  const body = Buffer.concat(directory);
  const count = Object.keys(members).length;
  const end64 = zip64
    ? numbers(
      ...[[4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0]] as const,
      ...[[8, count], [8, count], [8, body.length], [8, offset]] as const,
      ...[[4, 0x07064b50], [4, 0], [8, offset + body.length], [4, 1]] as const,
    )
    : Buffer.alloc(0);
  const few = zip64 ? 0xffff : count;
  const end = numbers(
    ...[[4, 0x06054b50], [2, 0], [2, 0], [2, few], [2, few]] as const,
    ...[[4, zip64 ? 0xffffffff : body.length], [4, zip64 ? 0xffffffff : offset]] as const,
    [2, comment.length],
  );
  return Buffer.concat([...local, body, end64, end, Buffer.from(comment)]);
}

/** Little-endian integers, each given as its width in bytes and its value. */
function numbers(...fields: readonly (readonly [width: number, value: number])[]): Buffer {
  return Buffer.concat(fields.map(([width, value]) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes.subarray(0, width);
  }));
}

/** A tensor as `torch.save` pickles it; of six floats by default. */
export interface PickledTensor {
  readonly key?: string;
  readonly type?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly dims?: readonly number[];
  readonly strides?: readonly number[];
}

/** Pieces of a pickle of protocol 2, for pickles that Python would not write. */
export const pickle = {
  start: [0x80, 2],
  stop: [0x2e],
  mark: [0x28],
  none: [0x4e],
  true: [0x88],
  emptyTuple: [0x29],
  emptyDict: [0x7d],
  emptyList: [0x5d],
  tuple: [0x74],
  tuple1: [0x85],
  append: [0x61],
  setItem: [0x73],
  reduce: [0x52],
  build: [0x62],
  load: [0x51],
  text: (
    text: string,
  ): number[] => [0x58, ...uint32(Buffer.byteLength(text)), ...Buffer.from(text)],
  integer: (value: number): number[] => [0x8a, 8, ...int64(value)],
  put: (index: number): number[] => [0x72, ...uint32(index)],
  get: (index: number): number[] => [0x6a, ...uint32(index)],
  global: (
    module: string,
    member: string,
  ): number[] => [0x63, ...Buffer.from(`${module}\n${member}\n`)],
  tupleOf: (...items: readonly number[][]): number[] => [0x28, ...items.flat(), 0x74],
  /** `_rebuild_tensor_v2` over the storage `data/<key>`. */
  tensor: (
    {
      key = "0",
      type = "FloatStorage",
      elements = 6,
      offset = 0,
      dims = [6],
      strides = [1],
    }: PickledTensor,
  ): number[] => {
    const id = pickle.tupleOf(
      pickle.text("storage"),
      pickle.global("torch", type),
      pickle.text(key),
      pickle.text("cpu"),
      pickle.integer(elements),
    );
    const args = pickle.tupleOf(
      [...id, ...pickle.load],
      pickle.integer(offset),
      pickle.tupleOf(...dims.map(pickle.integer)),
      pickle.tupleOf(...strides.map(pickle.integer)),
      [0x89],
      pickle.emptyDict,
    );
    return [...pickle.global("torch._utils", "_rebuild_tensor_v2"), ...args, ...pickle.reduce];
  },
  /** A whole pickle of a dict. */
  dict: (
    ...items: readonly (readonly [name: string, value: number[]])[]
  ): Uint8Array<ArrayBuffer> =>
    Uint8Array.from([
      ...pickle.start,
      ...pickle.emptyDict,
      ...items.flatMap(([name, value]) => [...pickle.text(name), ...value, ...pickle.setItem]),
      ...pickle.stop,
    ]),
};

function uint32(value: number): Buffer {
  return numbers([4, value]);
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}
