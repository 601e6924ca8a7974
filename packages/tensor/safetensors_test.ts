import {
  bytesPerElement,
  type DType,
  elementCount,
  float32,
  InputError,
  int64,
  type Tensor,
  tensor,
} from "./tensor.ts";
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { castTensor } from "./cast.ts";
import {
  decodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  SafetensorsFile,
  tensorFromBytes,
} from "./safetensors.ts";
import { encodeSafetensors, writeSafetensors } from "./safetensors_write.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

const reference = new URL("./testdata/checkpoint.safetensors", import.meta.url).pathname;

/** A file with this header (text, or a value to print as JSON) and this many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

const f32 = (shape: unknown, ...range: unknown[]) => ({
  dtype: "F32",
  shape,
  data_offsets: range,
});

Deno.test("what the safetensors library wrote is read, and written again byte for byte", () => {
  const tensors = readSafetensors(reference);
  assert.deepEqual(tensors.get("i32"), tensor("int32", [2], Int32Array.of(-1, 2 ** 31 - 1)));
  assert.deepEqual(tensors.get("bool"), tensor("bool", [3], Uint8Array.of(1, 0, 1)));
  assert.deepEqual(tensors.get("empty"), float32([0, 3], []));
  assert.deepEqual(tensors.get("scalar"), float32([], [2.5]));
  const bytes = readFileSync(reference);
  assert.equal(Buffer.compare(encodeSafetensors(tensors, { format: "pt" }), bytes), 0);
  assert.deepEqual(decodeSafetensors(bytes), tensors);
});

Deno.test("the header's offsets are absolute, as external data wants them", () => {
  const { metadata, tensors } = readSafetensorsHeader(reference);
  assert.deepEqual(metadata, { format: "pt" });
  const bytes = readFileSync(reference);
  const { dtype, dims, offset, length } = tensors.get("f64")!;
  assert.deepEqual([dtype, dims, length], ["float64", [3], 24]);
  assert.equal(bytes.readDoubleLE(offset), Math.fround(Math.fround(1 / 7) - 1));
});

Deno.test("any tensors come back, through memory and through a file", () => {
  using folder = new TemporaryFolder();
  const dtypes: DType[] = ["float64", "float32", "float16", "bfloat16", "int64", "int8", "bool"];
  const anyTensor = fc.record({
    dtype: fc.constantFrom(...dtypes),
    dims: fc.array(fc.nat(3), { maxLength: 3 }),
    seed: fc.nat(255),
  }).map(({ dtype, dims, seed }): Tensor => {
    const bytes = new Uint8Array(elementCount(dims) * bytesPerElement(dtype));
    return tensorFromBytes(dtype, dims, bytes.map((_, i) => (i * 37 + seed) % 128));
  });
  const names = fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__");
  const cases = fc.array(fc.tuple(names, anyTensor), { maxLength: 5 }).map((all) => new Map(all));
  fc.assert(
    fc.property(cases, fc.dictionary(names, names), (tensors, metadata) => {
      const bytes = encodeSafetensors(tensors, metadata);
      const decoded = decodeSafetensors(bytes);
      const path = folder.join("any.safetensors");
      writeSafetensors(path, tensors, metadata);
      const found = readSafetensors(path);
      assert.equal(found.size, tensors.size);
      for (const [name, value] of tensors) {
        assert.deepEqual(found.get(name), value);
        assert.deepEqual(decoded.get(name), value);
      }
      assert.deepEqual({ ...readSafetensorsHeader(path).metadata }, { ...metadata });
    }),
    { numRuns: 100 },
  );
});

Deno.test("data are decoded from any offset of a buffer, into memory of their own", () => {
  const bytes = encodeSafetensors(new Map([["a", float32([2], [1, 2])]]));
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  const decoded = decodeSafetensors(shifted.subarray(3));
  shifted.fill(0);
  assert.deepEqual(decoded.get("a"), float32([2], [1, 2]));
});

Deno.test("every malformed file is refused with what was found and what was expected", () => {
  const good = encodeSafetensors(new Map([["a", float32([2], [1, 2])]]));
  const huge = Buffer.alloc(16, 0xff);
  const over = Buffer.alloc(16);
  over.writeBigUInt64LE(100_000_001n);
  const cases: [Uint8Array, string | RegExp][] = [
    [Buffer.alloc(0), "it has 0 bytes, expected at least the 8 of the header length"],
    [Buffer.alloc(7), "it has 7 bytes, expected at least the 8 of the header length"],
    [huge, "the header length is 18446744073709551615, expected at most 100000000"],
    [over, "the header length is 100000001, expected at most 100000000"],
    [
      Buffer.from("version https://git-lfs.github.com/spec/v1\n"),
      /expected at most 100000000; it is a Git LFS pointer: run `git lfs pull` in its folder/,
    ],
    [
      good.subarray(0, 20),
      /the header length is \d+, but only 12 bytes follow it; the file is trunc/,
    ],
    [fileOf("", 0), 'the header starts with byte (none), expected 123, the character "{"'],
    [fileOf(" {}", 0), 'the header starts with byte 32, expected 123, the character "{"'],
    [fileOf("{", 0), /the header is not valid JSON in UTF-8: /],
    [fileOf("{}x", 0), /the header is not valid JSON in UTF-8: /],
    [
      Buffer.concat([fileOf("{}", 0).subarray(0, 8), Buffer.of(0x7b, 0xff)]),
      /not valid JSON in UTF-8/,
    ],
    [
      fileOf('{"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}', 0),
      'the header has the key "a" twice in one object, expected once',
    ],
    [
      fileOf('{"a":{"dtype":"I8","shape":[0],"shape":[0],"data_offsets":[0,0]}}', 0),
      'the header has the key "shape" twice in one object, expected once',
    ],
    [fileOf({ __metadata__: [] }, 0), "__metadata__ is [], expected an object of strings"],
    [fileOf({ __metadata__: { a: 1 } }, 0), '__metadata__ field "a" is 1, expected a string'],
    [
      fileOf({ a: 1 }, 0),
      'tensor "a" is described by 1, expected an object of dtype, shape, data_offsets',
    ],
    [fileOf({ a: { ...f32([], 0, 4), x: 1 } }, 4), 'tensor "a" has the unknown field "x"'],
    [
      fileOf({ a: { ...f32([], 0, 4), dtype: "F9" } }, 4),
      /tensor "a" has dtype "F9", expected one of F64, F32, F16, BF16, I64, I32, I8, U8, BOOL, C64, /,
    ],
    [fileOf({ a: { ...f32([], 0, 4), dtype: "toString" } }, 4), /has dtype "toString", expected/],
    [
      fileOf({ a: { shape: [], data_offsets: [0, 4] } }, 4),
      /tensor "a" has dtype missing, expected/,
    ],
    ...[[-1], [1.5], ["1"], 1, null, [1e300]].map((shape): [Uint8Array, string] => [
      fileOf({ a: f32(shape, 0, 4) }, 4),
      `tensor "a" has shape ${JSON.stringify(shape)}, expected an array of non-negative integers`,
    ]),
    ...[[-4, 0], [0], [0, 4, 8], [0, "4"], [0, 2 ** 60]].map((range): [Uint8Array, string] => [
      fileOf({ a: f32([1], ...range) }, 4),
      `tensor "a" has data_offsets ${JSON.stringify(range)}, expected two non-negative integers`,
    ]),
    [
      fileOf({ a: f32([1], 4, 0) }, 4),
      'tensor "a" has data_offsets [4,0], expected the first not above the second',
    ],
    [
      fileOf({ a: f32([2 ** 30, 2 ** 30], 0, 4) }, 4),
      'tensor "a" has shape [1073741824,1073741824], whose size in bytes overflows (limit 2^53 - 1)',
    ],
    [
      fileOf({ a: f32([3], 0, 8) }, 8),
      'tensor "a" spans 8 bytes (data_offsets [0,8]), expected 12 for F32 of shape [3]',
    ],
    [
      fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8),
      /tensor "b" starts at byte \d+, inside tensor "a", which ends at \d+/,
    ],
    [
      fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      /there is a gap of 4 bytes between tensor "a", which ends at \d+, and tensor "b", which starts at/,
    ],
    [
      fileOf({ a: f32([1], 4, 8) }, 8),
      /there is a gap of 4 bytes between the header, which ends at/,
    ],
    [
      fileOf({ a: f32([2], 0, 8) }, 7),
      /tensor "a" ends at byte \d+, but the file has \d+ bytes; it is t/,
    ],
    [
      fileOf({ a: f32([1], 0, 4) }, 5),
      /1 trailing bytes follow tensor "a": the file has \d+ bytes, ex/,
    ],
    [fileOf({}, 1), "1 trailing bytes follow the header: the file has 11 bytes, expected 10"],
  ];
  using folder = new TemporaryFolder();
  for (const [bytes, expected] of cases) {
    const path = folder.join("bad.safetensors");
    writeFileSync(path, bytes);
    for (
      const [read, file] of [
        [() => decodeSafetensors(bytes, "weights"), "weights"],
        [() => readSafetensors(path), path],
      ] as const
    ) {
      assert.throws(read, (error) => {
        assert.ok(error instanceof InputError);
        const prefix = `Cannot read safetensors file ${file}: `;
        assert.equal(error.message.slice(0, prefix.length), prefix);
        const found = error.message.slice(prefix.length);
        if (typeof expected === "string") assert.equal(found, expected);
        else assert.match(found, expected);
        return true;
      });
    }
  }
});

Deno.test("a file cut at any byte is refused", () => {
  const bytes = readFileSync(reference);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => decodeSafetensors(bytes.subarray(0, length)),
      InputError,
      `cut at ${length}`,
    );
  }
});

Deno.test("a corrupt header either reads as a valid one or is refused, never crashes", () => {
  const bytes = readFileSync(reference);
  for (let at = 0; at < 1500; at++) {
    const corrupt = Uint8Array.from(bytes);
    corrupt[at]! ^= 1 << (at % 8);
    try {
      decodeSafetensors(corrupt);
    } catch (error) {
      assert.ok(error instanceof InputError && /^Cannot read safetensors file/.test(error.message));
    }
  }
});

Deno.test("tensors named like integers or like object internals are kept apart", () => {
  const tensors = new Map<string, Tensor>(
    ["10", "9", "__proto__", "constructor", ""].map((name, i) => [name, float32([1], [i])]),
  );
  assert.deepEqual(
    new Map([...decodeSafetensors(encodeSafetensors(tensors))].sort()),
    new Map([...tensors].sort()),
  );
  assert.throws(
    () => encodeSafetensors(new Map([["__metadata__", float32([], [1])]])),
    /the format reserves the name/,
  );
});

Deno.test("a missing, foreign or closed file is an error that names it", () => {
  using folder = new TemporaryFolder();
  assert.throws(
    () => readSafetensors(folder.join("none")),
    /^InputError: Cannot open .*none: ENOENT/,
  );
  assert.throws(() => readSafetensors(folder.path), /it is not a regular file/);
  const file = new SafetensorsFile(reference);
  assert.throws(
    () => file.read("nothing"),
    /Cannot read tensor "nothing" of .*: the file has no such/,
  );
  file.close();
  file.close();
  assert.throws(
    () => file.read("scalar"),
    /Cannot read tensor "scalar" of .*: the file was closed/,
  );
});

Deno.test("a file that shrank after it was opened is an error, not zeros", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("a.safetensors");
  writeSafetensors(path, new Map([["a", float32([4], [1, 2, 3, 4])]]));
  using file = new SafetensorsFile(path);
  writeFileSync(path, readFileSync(path).subarray(0, -4));
  assert.throws(
    () => file.read("a"),
    /tensor "a" of .*it is truncated or was changed, fetch it again/,
  );
});

Deno.test("a write replaces the whole file or nothing, and leaves no temporary file", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("a.safetensors");
  const first = new Map([["a", float32([1], [1])]]);
  writeSafetensors(path, first);
  const bad = new Map([["__metadata__", float32([1], [2])]]);
  assert.throws(() => writeSafetensors(path, bad), InputError);
  assert.deepEqual(readSafetensors(path), first);
  writeSafetensors(path, new Map([["a", castTensor(float32([1], [3]), "bfloat16")]]));
  assert.equal(readSafetensors(path).get("a")!.dtype, "bfloat16");
  assert.deepEqual(readdirSync(folder.path), ["a.safetensors"]);
  assert.throws(
    () => writeSafetensors(folder.join("a.safetensors/b"), first),
    /^InputError: Cannot create .*(ENOTDIR|EEXIST)/,
  );
});

Deno.test("metadata of null is none, as in the reference implementation", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("null.safetensors");
  writeFileSync(path, fileOf({ __metadata__: null, a: f32([1], 0, 4) }, 4));
  assert.deepEqual(readSafetensorsHeader(path).metadata, {});
  assert.deepEqual([...readSafetensors(path).keys()], ["a"]);
});

Deno.test("a type that is not supported is refused when its tensor is asked for, not before", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("types.safetensors");
  const ids = { dtype: "I16", shape: [3], data_offsets: [4, 10] };
  const tiny = { dtype: "F4", shape: [4], data_offsets: [10, 12] };
  writeFileSync(path, fileOf({ a: f32([1], 0, 4), ids, tiny }, 12));
  using file = new SafetensorsFile(path);
  assert.deepEqual([...file.tensors.keys()], ["a"]);
  assert.deepEqual([...file.unreadable], [["ids", "I16"], ["tiny", "F4"]]);
  assert.deepEqual(file.read("a").dims, [1]);
  const message = /"ids" of .*: its dtype is I16, which is not supported; expected one of F64, F32/;
  assert.throws(() => file.read("ids"), message);
  assert.throws(() => readSafetensors(path), message);
  assert.throws(() => decodeSafetensors(readFileSync(path)), message);
  const short = fileOf({ ids: { ...ids, data_offsets: [0, 5] } }, 5);
  assert.throws(
    () => decodeSafetensors(short),
    /spans 5 bytes .*, expected 6 for I16 of shape \[3\]/,
  );
});

Deno.test("the first number that is not finite is found, in every floating type", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("finite.safetensors");
  const numbers = Array.from({ length: 3_000_000 }, (_, i) => i % 7);
  const tensors = new Map<string, Tensor>([
    ["fine", float32([4], [0, -3e38, 1e-45, 3e38])],
    ["nan", float32([3], [0, NaN, NaN])],
    ["late", float32([numbers.length], numbers.with(2_999_999, -Infinity))],
    ["double", tensor("float64", [2], Float64Array.of(1, Infinity))],
    ["half", castTensor(float32([3], [65504, 1, Infinity]), "float16")],
    ["brain", castTensor(float32([2], [3e38, NaN]), "bfloat16")],
    ["ids", int64([2], [1, 2])],
  ]);
  writeSafetensors(path, tensors);
  using file = new SafetensorsFile(path);
  const found = Object.fromEntries(file.names().map((name) => [name, file.firstNonFinite(name)]));
  assert.deepEqual(found, {
    ...{ fine: undefined, ids: undefined },
    ...{ nan: 1, late: 2_999_999, double: 1, half: 2, brain: 1 },
  });
});
