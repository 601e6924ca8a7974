import { InputError } from "./tensor.ts";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type PickleHost, PickleTuple, type PickleValue, unpickle } from "./pickle.ts";

const host: PickleHost = {
  checkGlobal: ({ name }) => {
    throw new InputError(`refused ${name}`);
  },
  call: ({ name }) => {
    throw new Error(`internal: called ${name}`);
  },
  load: () => null,
};

const read = (bytes: Iterable<number>) => unpickle(Uint8Array.from(bytes), host, "test");

/** Tuples as arrays under a tag, so that values compare. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleTuple) return { tuple: value.items.map(plain) };
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, plain(v)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

Deno.test("plain data of protocols 2, 4 and 5, as Python wrote them, come back", () => {
  // base64.b64encode(pickle.dumps(value, protocol)) with
  // value = {"a": [1, -2, 300, 70000, 2**40, -2**40], "é": (True, False, None), "f": 0.5,
  //          "n": {}, "t": ((), (1,), (1, 2), (1, 2, 3, 4))}
  const expected = new Map<string, unknown>([
    ["a", [1, -2, 300, 70000, 2 ** 40, -(2 ** 40)]],
    ["é", { tuple: [true, false, null] }],
    ["f", 0.5],
    ["n", new Map()],
    ["t", { tuple: [{ tuple: [] }, { tuple: [1] }, { tuple: [1, 2] }, { tuple: [1, 2, 3, 4] }] }],
  ]);
  for (const text of recorded) {
    assert.deepEqual(plain(read(Buffer.from(text, "base64"))), expected);
  }
});

const recorded: string[] = [
  "gAJ9cQAoWAEAAABhcQFdcQIoSwFK/v///00sAUpwEQEAigYAAAAAAAGKBgAAAAAA/2VYAgAAAMOpcQOIiU6HcQRYAQAAAGZxBUc/4AAAAAAAAFgBAAAAbnEGfXEHWAEAAAB0cQgoKUsBhXEJSwFLAoZxCihLAUsCSwNLBHRxC3RxDHUu",
  "gASVZgAAAAAAAAB9lCiMAWGUXZQoSwFK/v///00sAUpwEQEAigYAAAAAAAGKBgAAAAAA/2WMAsOplIiJToeUjAFmlEc/4AAAAAAAAIwBbpR9lIwBdJQoKUsBhZRLAUsChpQoSwFLAksDSwR0lHSUdS4=",
  "gAWVZgAAAAAAAAB9lCiMAWGUXZQoSwFK/v///00sAUpwEQEAigYAAAAAAAGKBgAAAAAA/2WMAsOplIiJToeUjAFmlEc/4AAAAAAAAIwBbpR9lIwBdJQoKUsBhZRLAUsChpQoSwFLAksDSwR0lHSUdS4=",
];

Deno.test("a global is refused by name before anything is done with it", () => {
  const text = "cposix\nsystem\n";
  assert.throws(() => read([0x80, 2, ...Buffer.from(text)]), /^InputError: refused posix\.system$/);
  // SHORT_BINUNICODE "os", SHORT_BINUNICODE "system", STACK_GLOBAL
  const stack = [0x8c, 2, ...Buffer.from("os"), 0x8c, 6, ...Buffer.from("system"), 0x93];
  assert.throws(() => read([0x80, 4, ...stack]), /^InputError: refused os\.system$/);
});

Deno.test("every operation outside the data subset is refused", () => {
  // INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, BYTEARRAY8, NEXT_BUFFER, PERSID, protocol 0 numbers, sets
  for (const opcode of [0x69, 0x6f, 0x81, 0x92, 0x82, 0x96, 0x97, 0x50, 0x49, 0x46, 0x8f, 0x00]) {
    assert.throws(
      () => read([0x80, 4, opcode, 0x0a, 0x0a, 0x2e]),
      new InputError(
        `Cannot read test: at byte 2 operation 0x${opcode.toString(16).padStart(2, "0")} ` +
          "is refused: it is not needed for plain data",
      ),
    );
  }
});

Deno.test("malformed pickles are refused with the position", () => {
  const cases: [number[], RegExp][] = [
    [[], /at byte 0 it needs 1 bytes, but ends after 0/],
    [[0x28], /it does not begin as a pickle of protocol 2 to 5/],
    [[0x80, 1], /it does not begin as a pickle of protocol 2 to 5/],
    [[0x80, 6], /it does not begin as a pickle of protocol 2 to 5/],
    [[0x80, 2], /at byte 2 it needs 1 bytes, but ends after 0/],
    [[0x80, 2, 0x2e], /at byte 2 its stack is empty/],
    [[0x80, 2, 0x30], /its stack is empty/],
    [[0x80, 2, 0x4e, 0x28, 0x30], /at byte 4 its stack is empty/],
    [[0x80, 2, 0x74], /it uses a mark that was not set/],
    [[0x80, 2, 0x4e, 0x4e, 0x2e], /it ends with values left on the stack/],
    [[0x80, 2, 0x28, 0x4e, 0x2e], /it ends with values left on the stack/],
    [[0x80, 2, 0x68, 7], /it recalls memo 7, which was not set/],
    [[0x80, 2, 0x4e, 0x4e, 0x61], /it appends to None/],
    [[0x80, 2, 0x5d, 0x4e, 0x4e, 0x73], /it sets items of a list/],
    [[0x80, 2, 0x7d, 0x28, 0x4e, 0x75], /it sets a dict key without a value/],
    [[0x80, 2, 0x4e, 0x29, 0x52], /it calls None with a tuple/],
    [[0x80, 2, 0x5d, 0x7d, 0x62], /it sets the state of a list to a dict/],
    [[0x80, 4, 0x4e, 0x4e, 0x93], /it names a global by None and None/],
    [[0x80, 2, 0x63, 0x6f, 0x73], /it has a line without an end; it is truncated/],
    [[0x80, 2, 0x58, 0xff, 0xff, 0xff, 0xff], /it needs 4294967295 bytes, but ends after 0/],
    [[0x80, 4, 0x8d, 1, 0, 0, 0, 0, 0, 0, 0xff], /it has the integer 18374686479671623681, beyond/],
    [[0x80, 2, 0x58, 1, 0, 0, 0, 0xff], /it has a text that is not UTF-8/],
    [
      [0x80, 2, 0x8a, 9, ...new Array<number>(9).fill(0)],
      /an integer of 9 bytes, expected at most 8/,
    ],
    [[0x80, 2, 0x8b, 0xff, 0xff, 0xff, 0x7f], /an integer of 2147483647 bytes/],
  ];
  for (const [bytes, expected] of cases) {
    assert.throws(() => read(bytes), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, expected);
      return true;
    });
  }
});

Deno.test("nesting a hundred thousand deep is built without recursion", () => {
  const depth = 100_000;
  const bytes = new Uint8Array(2 + depth + (depth - 1) + 1).fill(0x5d);
  bytes.set([0x80, 2]);
  bytes.fill(0x61, 2 + depth);
  bytes[bytes.length - 1] = 0x2e;
  let value = read(bytes);
  let found = 0;
  while (Array.isArray(value)) {
    found++;
    value = value[0] ?? null;
  }
  assert.equal(found, depth);
});

Deno.test("lists that repeat one another share memory; too many containers are refused", () => {
  // Each level is a list of ten times the level below: 10^30 leaves, 31 containers.
  const level = [
    0x71,
    0,
    0x30,
    0x5d,
    0x28,
    ...new Array<number[]>(10).fill([0x68, 0]).flat(),
    0x65,
  ];
  const bomb = [0x80, 2, 0x5d, ...new Array<number[]>(30).fill(level).flat(), 0x2e];
  assert.equal((read(bomb) as PickleValue[]).length, 10);
  const many = new Uint8Array(2 + 2_000_002).fill(0x5d);
  many.set([0x80, 2]);
  assert.throws(() => read(many), /it builds more than 1000000 containers/);
  // LONG_BINPUT to the highest memo index takes no more memory than to the lowest.
  assert.equal(read([0x80, 2, 0x4e, 0x72, 0xff, 0xff, 0xff, 0xff, 0x2e]), null);
});
