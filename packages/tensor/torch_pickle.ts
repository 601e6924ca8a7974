import {
  kindOf,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
  unpickle,
} from "./pickle.ts";
import { type DType, elementCount, InputError } from "./tensor.ts";

/** A storage as the pickle names it: the bytes are the archive's member `data/<key>`. */
class TorchStorage extends PickleObject {
  readonly kind = "a storage";

  /** @param type torch's name of it, such as `torch.FloatStorage` */
  constructor(readonly key: string, readonly type: string, readonly elements: number) {
    super();
  }

  /** Undefined for a type that tensors here cannot have. */
  get dtype(): DType | undefined {
    return storageTypes.get(this.type);
  }
}

/** A view of a storage; `offset` and `strides` count elements. Not yet checked against the storage. */
export class TorchTensor extends PickleObject {
  readonly kind = "a tensor";

  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly dims: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

/** Element types by torch's name of a storage. */
export const storageTypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.DoubleStorage", "float64"],
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
]);

/** Types that a checkpoint may hold, in tensors that nobody asks for. */
const otherStorageTypes = new Set([
  "torch.ShortStorage",
  "torch.ComplexFloatStorage",
  "torch.ComplexDoubleStorage",
]);

type Call = (args: readonly PickleValue[], fail: (found: string) => never) => PickleValue;

/** Every callable a checkpoint may name. The names are looked up here and nowhere else. */
const calls = new Map<string, Call>([
  ["collections.OrderedDict", (args, fail) => {
    return args.length === 0 ? new Map() : fail("arguments, expected none");
  }],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", ([data], fail) => {
    return data instanceof TorchTensor ? data : fail(`${kindOf(data)}, expected a tensor`);
  }],
]);

/**
 * The tensors of a checkpoint's `data.pkl`: a dict of tensors by name.
 *
 * @param what the name that errors give.
 * @throws InputError for anything else, a foreign global by its name included.
 */
export function unpickleTensors(bytes: Uint8Array, what: string): Map<string, TorchTensor> {
  const fail = (found: string): never => {
    throw new InputError(`Cannot read ${what}: ${found}`);
  };
  const root = unpickle(bytes, {
    checkGlobal: ({ name }) => {
      if (calls.has(name) || storageTypes.has(name) || otherStorageTypes.has(name)) return;
      const known = /^torch\.\w+Storage$/.test(name) ? [...storageTypes.keys()] : [...calls.keys()];
      fail(
        `it names the global ${name}, which is refused; expected only tensors, that is ` +
          known.join(", "),
      );
    },
    call: ({ name }, args) => {
      const call = calls.get(name) ?? fail(`it calls ${name}, which is a type of storage`);
      return call(args, (found) => fail(`it calls ${name} with ${found}`));
    },
    load: (id) => loadStorage(id, fail),
  }, what);
  if (!(root instanceof Map)) return fail(`it holds ${kindOf(root)}, expected a dict of tensors`);
  const tensors = new Map<string, TorchTensor>();
  for (const [name, value] of root) {
    if (typeof name !== "string") return fail(`it has the key ${kindOf(name)}, expected a text`);
    if (!(value instanceof TorchTensor)) {
      return fail(`its key ${JSON.stringify(name)} holds ${kindOf(value)}, expected a tensor`);
    }
    tensors.set(name, value);
  }
  return tensors;
}

/** `("storage", type, key, location, number of elements)` */
function loadStorage(id: PickleValue, fail: (found: string) => never): TorchStorage {
  const [tag, type, key, , elements] = id instanceof PickleTuple ? id.items : [];
  const isType = type instanceof PickleGlobal &&
    (storageTypes.has(type.name) || otherStorageTypes.has(type.name));
  if (tag !== "storage" || !isType || typeof key !== "string" || !isSize(elements)) {
    const parts = [tag, type, key, elements].map(kindOf).join(", ");
    return fail(
      `it has a persistent id of ${parts}; expected "storage", its type, its key, its elements`,
    );
  }
  return new TorchStorage(key, type.name, elements);
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)` */
function rebuildTensor(
  [storage, offset, dims, strides]: readonly PickleValue[],
  fail: (found: string) => never,
): TorchTensor {
  if (!(storage instanceof TorchStorage)) return fail(`${kindOf(storage)}, expected a storage`);
  if (!isSize(offset)) return fail(`the storage offset ${kindOf(offset)}`);
  if (!isSizes(dims)) return fail("a size that is not a tuple of non-negative integers");
  if (!isSizes(strides)) return fail("a stride that is not a tuple of non-negative integers");
  if (dims.items.length !== strides.items.length) {
    return fail(`${dims.items.length} sizes and ${strides.items.length} strides`);
  }
  return new TorchTensor(storage, offset, dims.items, strides.items);
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(
  value: PickleValue | undefined,
): value is PickleTuple & { readonly items: readonly number[] } {
  return value instanceof PickleTuple && value.items.every(isSize);
}

/** Whether `strides` (in elements) are those of a dense row-major array of shape `dims`. */
export function isContiguous(dims: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    // The stride of a dimension of size 1 is never used.
    if (dims[d] !== 1 && strides[d] !== expected) return false;
    expected *= dims[d]!;
  }
  return true;
}

/** The element that the last index of a non-empty strided array refers to. */
export function lastElement(dims: readonly number[], strides: readonly number[]): number {
  return dims.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 0);
}

/** The elements (of `width` bytes: 1, 2, 4 or 8) of a strided array in row-major order. */
export function gather(
  source: Uint8Array<ArrayBuffer>,
  width: number,
  dims: readonly number[],
  strides: readonly number[],
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(elementCount(dims) * width);
  if (width === 8) {
    copy(new BigUint64Array(source.buffer), new BigUint64Array(out.buffer), dims, strides);
  } else {
    const Words = width === 4 ? Uint32Array : width === 2 ? Uint16Array : Uint8Array;
    copy<number>(new Words(source.buffer), new Words(out.buffer), dims, strides);
  }
  return out;
}

function copy<T extends number | bigint>(
  source: ArrayLike<T>,
  out: { [index: number]: T; readonly length: number },
  dims: readonly number[],
  strides: readonly number[],
): void {
  const last = dims.length - 1;
  const rowLength = dims[last] ?? 1;
  const step = strides[last] ?? 1;
  const index = new Array<number>(Math.max(last, 0)).fill(0);
  let row = 0;
  for (let at = 0; at < out.length;) {
    for (let i = 0; i < rowLength; i++) out[at++] = source[row + i * step]!;
    for (let d = last - 1; d >= 0; d--) {
      row += strides[d]!;
      index[d]!++;
      if (index[d]! < dims[d]!) break;
      row -= dims[d]! * strides[d]!;
      index[d] = 0;
    }
  }
}
