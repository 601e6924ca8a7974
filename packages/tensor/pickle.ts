import { PickleCursor } from "./pickle_cursor.ts";

/** What the pickle machine can build. Lists are arrays, dicts are maps, integers are numbers. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleTuple
  | PickleGlobal
  | PickleObject;

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** The name of something importable; never imported. */
export class PickleGlobal {
  readonly name: string;

  constructor(module: string, member: string) {
    this.name = `${module}.${member}`;
  }
}

/** Base of the values that a host makes. */
export abstract class PickleObject {
  /** What error messages call it. */
  abstract readonly kind: string;
}

/** A short name of a value's kind for error messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 80))}`;
  if (typeof value !== "object") return `the ${typeof value} ${value}`;
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dict";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof PickleTuple) return "a tuple";
  return value instanceof PickleGlobal ? `the global ${value.name}` : value.kind;
}

/** What the machine may do beyond plain data. Whatever the host does not build does not exist. */
export interface PickleHost {
  /** Throws unless the global may be named. */
  checkGlobal(global: PickleGlobal): void;
  /** The result of calling a global; throws unless that call is known. */
  call(global: PickleGlobal, args: readonly PickleValue[]): PickleValue;
  /** The object a persistent id stands for. */
  load(id: PickleValue): PickleValue;
}

/** Most lists, dicts, tuples and calls of one pickle: six times 160,000 tensors. */
const maxContainers = 1_000_000;

/**
 * Builds the value of a pickle of protocol 2 to 5. Nothing is imported or executed: globals are
 * names, and calls are requests to the host. Time and memory are linear in the pickle's length.
 *
 * @param what the name that errors give.
 * @throws InputError for a malformed pickle, an operation outside the data subset, or the host's refusal.
 */
export function unpickle(bytes: Uint8Array, host: PickleHost, what: string): PickleValue {
  return new Machine(new PickleCursor(bytes, what), host).run();
}

class Machine {
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #containers = 0;

  constructor(readonly cursor: PickleCursor, readonly host: PickleHost) {}

  run(): PickleValue {
    const protocol = this.cursor.byte() === 0x80 ? this.cursor.byte() : 0;
    if (protocol < 2 || protocol > 5) {
      this.cursor.fail("it does not begin as a pickle of protocol 2 to 5");
    }
    for (;;) {
      this.cursor.beginOpcode();
      const opcode = this.cursor.byte();
      if (opcode === 0x2e) return this.#stop();
      const step = steps[opcode];
      if (step === undefined) {
        const text = opcode.toString(16).padStart(2, "0");
        return this.cursor.fail(`operation 0x${text} is refused: it is not needed for plain data`);
      }
      step(this, this.cursor);
    }
  }

  #stop(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) {
      this.cursor.fail("it ends with values left on the stack");
    }
    return value;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  /** Pushes a value that takes memory of its own. */
  pushContainer(value: PickleValue): void {
    if (++this.#containers > maxContainers) {
      this.cursor.fail(`it builds more than ${maxContainers} containers`);
    }
    this.#stack.push(value);
  }

  top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.cursor.fail("its stack is empty");
    return this.#stack.at(-1)!;
  }

  pop(): PickleValue {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) return this.cursor.fail("it uses a mark that was not set");
    return this.#stack.splice(mark);
  }

  popTuple(size: number): void {
    const items = Array.from({ length: size }, () => this.pop()).reverse();
    this.pushContainer(new PickleTuple(items));
  }

  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.cursor.fail(`it recalls memo ${index}, which was not set`);
    else this.push(value);
  }

  append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) return this.cursor.fail(`it appends to ${kindOf(list)}`);
    for (const item of items) list.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) return this.cursor.fail(`it sets items of ${kindOf(dict)}`);
    if (items.length % 2 !== 0) this.cursor.fail("it sets a dict key without a value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  global(module: PickleValue, member: PickleValue): void {
    if (typeof module !== "string" || typeof member !== "string") {
      return this.cursor.fail(`it names a global by ${kindOf(module)} and ${kindOf(member)}`);
    }
    const global = new PickleGlobal(module, member);
    this.host.checkGlobal(global);
    this.pushContainer(global);
  }

  call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !(args instanceof PickleTuple)) {
      return this.cursor.fail(`it calls ${kindOf(callee)} with ${kindOf(args)}`);
    }
    this.pushContainer(this.host.call(callee, args.items));
  }

  /** Attributes of a dict (`OrderedDict._metadata` of a state dict) are dropped; others are refused. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (!(target instanceof Map)) {
      this.cursor.fail(`it sets the state of ${kindOf(target)} to ${kindOf(state)}`);
    }
  }

  load(): void {
    this.push(this.host.load(this.pop()));
  }
}

type Step = (machine: Machine, cursor: PickleCursor) => void;

/** The operations of the data subset by opcode, under the names of Python's `pickletools`. */
const steps: Readonly<Record<number, Step>> = {
  0x28: (m) => m.mark(), // MARK
  0x29: (m) => m.pushContainer(new PickleTuple([])), // EMPTY_TUPLE
  0x30: (m) => void m.pop(), // POP
  0x31: (m) => void m.popToMark(), // POP_MARK
  0x32: (m) => m.push(m.top()), // DUP
  0x42: (m, c) => m.push(c.bytes(c.uint32())), // BINBYTES
  0x43: (m, c) => m.push(c.bytes(c.byte())), // SHORT_BINBYTES
  0x47: (m, c) => m.push(c.float64()), // BINFLOAT
  0x4a: (m, c) => m.push(c.int32()), // BININT
  0x4b: (m, c) => m.push(c.byte()), // BININT1
  0x4d: (m, c) => m.push(c.uint16()), // BININT2
  0x4e: (m) => m.push(null), // NONE
  0x51: (m) => m.load(), // BINPERSID
  0x52: (m) => m.call(), // REDUCE
  0x54: (m, c) => m.push(c.latin1(c.uint32())), // BINSTRING
  0x55: (m, c) => m.push(c.latin1(c.byte())), // SHORT_BINSTRING
  0x58: (m, c) => m.push(c.utf8(c.uint32())), // BINUNICODE
  0x5d: (m) => m.pushContainer([]), // EMPTY_LIST
  0x61: (m) => m.append([m.pop()]), // APPEND
  0x62: (m) => m.build(), // BUILD
  0x63: (m, c) => m.global(c.line(), c.line()), // GLOBAL
  0x64: (m) => { // DICT
    const items = m.popToMark();
    m.pushContainer(new Map());
    m.setItems(items);
  },
  0x65: (m) => m.append(m.popToMark()), // APPENDS
  0x68: (m, c) => m.recall(c.byte()), // BINGET
  0x6a: (m, c) => m.recall(c.uint32()), // LONG_BINGET
  0x6c: (m) => m.pushContainer(m.popToMark()), // LIST
  0x71: (m, c) => m.memoize(c.byte()), // BINPUT
  0x72: (m, c) => m.memoize(c.uint32()), // LONG_BINPUT
  0x73: (m) => { // SETITEM
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  0x74: (m) => m.pushContainer(new PickleTuple(m.popToMark())), // TUPLE
  0x75: (m) => m.setItems(m.popToMark()), // SETITEMS
  0x7d: (m) => m.pushContainer(new Map()), // EMPTY_DICT
  0x85: (m) => m.popTuple(1), // TUPLE1
  0x86: (m) => m.popTuple(2), // TUPLE2
  0x87: (m) => m.popTuple(3), // TUPLE3
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x8a: (m, c) => m.push(c.integer(c.byte())), // LONG1
  0x8b: (m, c) => m.push(c.integer(c.uint32())), // LONG4
  0x8c: (m, c) => m.push(c.utf8(c.byte())), // SHORT_BINUNICODE
  0x8d: (m, c) => m.push(c.utf8(c.uint64())), // BINUNICODE8
  0x8e: (m, c) => m.push(c.bytes(c.uint64())), // BINBYTES8
  0x93: (m) => { // STACK_GLOBAL
    const member = m.pop();
    m.global(m.pop(), member);
  },
  0x94: (m) => m.memoize(), // MEMOIZE
  0x95: (_, c) => void c.uint64(), // FRAME
};
