import { InputError } from "./input_error.ts";
import { bytesPerElement, type DType } from "./dtype.ts";
import { unpickle } from "./pickle.ts";
import {
  kindOf,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "./pickle_value.ts";

/** A storage as the pickle names it: the bytes are the archive's member `data/<key>`. */
export class TorchStorage extends PickleObject {
  readonly kind = "a storage";

  constructor(readonly key: string, readonly dtype: DType, readonly elements: number) {
    super();
  }

  get bytes(): number {
    return this.elements * bytesPerElement(this.dtype);
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

const storageTypes = new Map<string, DType>([
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
      if (calls.has(name) || storageTypes.has(name)) return;
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
  const dtype = type instanceof PickleGlobal ? storageTypes.get(type.name) : undefined;
  if (tag !== "storage" || dtype === undefined || typeof key !== "string" || !isSize(elements)) {
    const parts = [tag, type, key, elements].map(kindOf).join(", ");
    return fail(
      `it has a persistent id of ${parts}; expected "storage", its type, its key, its elements`,
    );
  }
  return new TorchStorage(key, dtype, elements);
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
