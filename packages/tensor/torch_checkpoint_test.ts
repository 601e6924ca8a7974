import assert from "node:assert/strict";
import { TemporaryFolder } from "@decorum/testing/folder";
import { pickle, zipFile } from "@decorum/testing/torch";
import { Buffer } from "node:buffer";
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { readSafetensors } from "./safetensors.ts";
import { float32, InputError } from "./tensor.ts";
import { convertTorchCheckpoint, TorchCheckpoint } from "./torch_checkpoint.ts";

const testdata = (name: string) => new URL(`./testdata/${name}`, import.meta.url).pathname;
const sixFloats = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);

/** Opens an archive with this pickle and, as storage "0", six floats. */
function open(
  pickleBytes: Uint8Array,
  members: Record<string, Uint8Array> = { "model/data/0": sixFloats },
): TorchCheckpoint {
  using folder = new TemporaryFolder();
  const path = folder.join("pytorch_model.bin");
  writeFileSync(path, zipFile({ "model/data.pkl": pickleBytes, ...members }));
  return TorchCheckpoint.open(path);
}

for (const name of ["checkpoint.bin", "checkpoint_protocol4.bin"]) {
  Deno.test(`${name}: every tensor that torch.save wrote is what safetensors wrote of it`, () => {
    using checkpoint = TorchCheckpoint.open(testdata(name));
    const expected = readSafetensors(testdata("checkpoint.safetensors"));
    assert.deepEqual([...checkpoint.tensors.keys()].sort(), [...expected.keys()].sort());
    for (const [key, value] of expected) assert.deepEqual(checkpoint.read(key), value, key);
  });
}

Deno.test("entries say where a tensor lies; tied tensors lie at the same place", () => {
  using checkpoint = TorchCheckpoint.open(testdata("checkpoint.bin"));
  const shared = checkpoint.tensors.get("shared.weight")!;
  const rows = checkpoint.tensors.get("rows")!;
  assert.deepEqual(checkpoint.tensors.get("lm_head.weight"), shared);
  assert.equal(rows.offset, shared.offset + 2 * 4 * 4);
  assert.deepEqual([shared.dims, shared.strides, shared.length], [[6, 4], [4, 1], 96]);
  const bytes = readFileSync(testdata("checkpoint.bin"));
  assert.equal(bytes.readFloatLE(shared.offset), Math.fround(Math.fround(1 / 7) - 1));
});

Deno.test("the format before PyTorch 1.6 is refused with the way to convert it", () => {
  assert.throws(
    () => TorchCheckpoint.open(testdata("legacy.bin")),
    /^InputError: Cannot read PyTorch checkpoint .*legacy\.bin: it is in the format of PyTorch before 1\.6, expected a zip file; convert it with Python: torch\.save\(/,
  );
});

Deno.test("files of another kind are refused", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("pytorch_model.bin");
  const cases: [string | Uint8Array, RegExp][] = [
    ["", /it begins with bytes \[\], expected a zip file/],
    ["version https://git-lfs.github.com/spec/v1\n", /it is a Git LFS pointer: run `git lfs pull`/],
    ["<html>", /it begins with bytes \[60, 104, /],
    ["PK\x03\x04", /its end record is missing; the file is truncated or no zip file/],
    [zipFile({ "model/code.py": sixFloats }), /the archive has no member <name>\/data\.pkl/],
  ];
  for (const [content, expected] of cases) {
    writeFileSync(path, content);
    assert.throws(() => TorchCheckpoint.open(path), (error) => {
      assert.ok(error instanceof InputError && error.message.includes(path));
      assert.match(error.message, expected);
      return true;
    });
  }
  assert.throws(() => TorchCheckpoint.open(folder.join("none")), /Cannot open .*none: ENOENT/);
});

Deno.test("hostile pickles are refused by the name of what they ask for", () => {
  const { start, stop, reduce, tuple1, text, global, tensor, tupleOf } = pickle;
  const call = (module: string, member: string, argument: string) =>
    Uint8Array.from([
      ...[...start, ...global(module, member), ...text(argument), ...tuple1, ...reduce, ...stop],
    ]);
  const cases: [Uint8Array, RegExp][] = [
    [
      call("os", "system", "touch /tmp/owned"),
      /data\.pkl of .*: it names the global os\.system, which is refused; expected only tensors, that is collections\.OrderedDict, torch\._utils\._rebuild_tensor_v2, torch\._utils\._rebuild_parameter$/,
    ],
    [call("posix", "system", "x"), /it names the global posix\.system/],
    [call("builtins", "eval", "1"), /it names the global builtins\.eval/],
    [call("__builtin__", "getattr", "1"), /it names the global __builtin__\.getattr/],
    [call("torch", "load", "x"), /it names the global torch\.load/],
    [call("torch.storage", "_load_from_bytes", "x"), /torch\.storage\._load_from_bytes/],
    [
      call("torch._utils", "_rebuild_tensor_v2.__globals__", "x"),
      /_v2\.__globals__, which is refused/,
    ],
    [
      pickle.dict(["a", tensor({ type: "QInt8Storage" })]),
      /it names the global torch\.QInt8Storage, which is refused; .* torch\.BoolStorage$/,
    ],
    [
      call("torch", "FloatStorage", "x"),
      /it calls torch\.FloatStorage, which is a type of storage/,
    ],
    [call("collections", "OrderedDict", "x"), /it calls collections\.OrderedDict with arguments/],
    [
      call("torch._utils", "_rebuild_parameter", "x"),
      /_rebuild_parameter with the text "x", expected/,
    ],
    [
      call("torch._utils", "_rebuild_tensor_v2", "x"),
      /_rebuild_tensor_v2 with the text "x", expected/,
    ],
    [
      Uint8Array.from([...start, ...text("x"), ...pickle.load, ...stop]),
      /it has a persistent id of/,
    ],
    [
      Uint8Array.from([...start, ...tensor({}), ...stop]),
      /it holds a tensor, expected a dict of tensors/,
    ],
    [
      pickle.dict(["epoch", pickle.integer(3)]),
      /its key "epoch" holds the number 3, expected a tensor/,
    ],
    [pickle.dict(["state_dict", pickle.emptyDict]), /its key "state_dict" holds a dict, expected/],
    [
      Uint8Array.from([...start, 0x7d, ...pickle.integer(1), ...tensor({}), 0x73, ...stop]),
      /it has the key the number 1, expected a text/,
    ],
    [
      pickle.dict(["a", [...tensor({}), ...pickle.emptyDict, ...pickle.build]]),
      /it sets the state of a tensor to a dict/,
    ],
    [
      pickle.dict(["a", [...global("torch", "FloatStorage"), ...tupleOf()]]),
      /it sets items of the text "a"/,
    ],
  ];
  for (const [bytes, expected] of cases) {
    assert.throws(() => open(bytes), (error) => {
      assert.ok(error instanceof InputError, String(error));
      assert.match(error.message, /^Cannot read model\/data\.pkl of .*pytorch_model\.bin: /);
      assert.match(error.message, expected);
      return true;
    });
  }
});

Deno.test("a tensor of another element type is refused when it is asked for, and not before", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("pytorch_model.bin");
  const { dict, tensor } = pickle;
  const bytes = dict(["ids", tensor({ type: "ShortStorage" })], ["w", tensor({ dims: [6] })]);
  writeFileSync(path, zipFile({ "model/data.pkl": bytes, "model/data/0": sixFloats }));
  using checkpoint = TorchCheckpoint.open(path);
  const w = float32([6], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(checkpoint.read("w"), w);
  assert.throws(
    () => checkpoint.read("ids"),
    /^InputError: Cannot read tensor "ids" of .*: it is a torch\.ShortStorage; expected one of torch\.Double/,
  );
  const converted = readSafetensors(convertTorchCheckpoint(path, folder.path));
  assert.deepEqual([...converted], [["w", w]]);
});

Deno.test("a tensor must lie inside its storage", () => {
  const at = (fields: Parameters<typeof pickle.tensor>[0]) =>
    open(pickle.dict(["w", pickle.tensor(fields)])).read("w");
  assert.deepEqual(at({ offset: 1, dims: [2, 2], strides: [1, 3] }), float32([2, 2], [1, 4, 2, 5]));
  assert.deepEqual(at({ dims: [0], offset: 6 }), float32([0], []));
  const outside = [
    { dims: [7] },
    { dims: [6], offset: 1 },
    { dims: [2, 2], strides: [5, 1] },
    { dims: [3], strides: [3] },
    { dims: [0], offset: 7 },
    { dims: [2], strides: [2 ** 52] },
    { dims: [2 ** 52, 2 ** 52], strides: [2 ** 52, 2 ** 52] },
    { dims: [...new Array<number>(25).fill(2 ** 52), 0], strides: new Array<number>(26).fill(0) },
  ];
  for (const fields of outside) {
    assert.throws(
      () => at(fields),
      /^InputError: Cannot read tensor "w" of .*pytorch_model\.bin: (with|its) shape/,
    );
  }
  assert.throws(
    () => at({ dims: [7] }),
    /with shape \[7\], strides \[1\] and offset 0 it ends at element 7, but its storage model\/data\/0 has 6/,
  );
  assert.throws(
    () => at({ dims: [-1] }),
    /with a size that is not a tuple of non-negative integers/,
  );
  assert.throws(
    () => at({ strides: [-1] }),
    /a stride that is not a tuple of non-negative integers/,
  );
  assert.throws(() => at({ offset: -1 }), /with the storage offset the number -1/);
  assert.throws(() => at({ dims: [2, 3] }), /with 2 sizes and 1 strides/);
});

Deno.test("a storage must be there, with the size that the pickle says", () => {
  const bytes = (fields: Parameters<typeof pickle.tensor>[0]) =>
    pickle.dict(["w", pickle.tensor(fields)]);
  assert.throws(() => open(bytes({}), {}), /tensor "w" needs the missing member data\/0/);
  assert.throws(
    () => open(bytes({ key: "../../x" })),
    /needs the missing member data\/\.\.\/\.\.\/x/,
  );
  assert.throws(
    () => open(bytes({ elements: 7 })),
    /tensor "w" of .*: its storage model\/data\/0 has 24 bytes, expected 28 for 7 elements of float32/,
  );
  assert.throws(
    () => open(bytes({ type: "HalfStorage" })),
    /has 24 bytes, expected 12 for 6 elements/,
  );
});

Deno.test("a big-endian archive is refused; a zip64 one is read", () => {
  const bytes = pickle.dict(["w", pickle.tensor({})]);
  const members = { "model/data/0": sixFloats };
  assert.throws(
    () => open(bytes, { ...members, "model/byteorder": Buffer.from("big") }),
    /its byte order is "big", expected "little"/,
  );
  open(bytes, { ...members, "model/byteorder": Buffer.from("little") }).close();
  using folder = new TemporaryFolder();
  const path = folder.join("large.bin");
  writeFileSync(path, zipFile({ "m/data.pkl": bytes, "m/data/0": sixFloats }, { zip64: true }));
  using checkpoint = TorchCheckpoint.open(path);
  assert.deepEqual(checkpoint.read("w"), float32([6], [0, 1, 2, 3, 4, 5]));
});

Deno.test("a small file cannot ask for large tensors", () => {
  const expanded = pickle.tensor({ dims: [1000, 1000], strides: [0, 0] });
  assert.throws(
    () => open(pickle.dict(["bomb", expanded])),
    /with tensor "bomb" its tensors take 4000000 bytes, more than 8 times the \d+ bytes of the file/,
  );
  const endless = pickle.tensor({ dims: [2 ** 26, 2 ** 26], strides: [0, 0] });
  assert.throws(() => open(pickle.dict(["bomb", endless])), /with tensor "bomb" its tensors take/);
  const large = zipFile({ "m/data.pkl": Buffer.alloc(2 ** 24 + 1) });
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("a.bin"), large);
  assert.throws(
    () => TorchCheckpoint.open(folder.join("a.bin")),
    /m\/data\.pkl has 16777217 bytes, expected at most 16777216/,
  );
});

Deno.test("a file cut anywhere, or with any damaged byte, is refused or read, never a crash", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("damaged.bin");
  const bytes = readFileSync(testdata("checkpoint.bin"));
  const readAll = () => {
    using checkpoint = TorchCheckpoint.open(path);
    for (const key of checkpoint.tensors.keys()) checkpoint.read(key);
  };
  for (let length = 0; length < bytes.length; length += 41) {
    writeFileSync(path, bytes.subarray(0, length));
    assert.throws(readAll, InputError, `cut at ${length}`);
  }
  for (let at = 0; at < bytes.length; at += 3) {
    const damaged = Uint8Array.from(bytes);
    damaged[at]! ^= 0xff;
    writeFileSync(path, damaged);
    try {
      readAll();
    } catch (error) {
      assert.match(String(error), /^InputError: Cannot read /, `byte ${at}`);
    }
  }
});

Deno.test("a checkpoint is converted once, into what safetensors itself writes", () => {
  using folder = new TemporaryFolder();
  const cache = folder.join("cache/of/weights");
  const path = convertTorchCheckpoint(testdata("checkpoint.bin"), cache);
  assert.deepEqual(readSafetensors(path), readSafetensors(testdata("checkpoint.safetensors")));
  const { ino, mtimeMs } = statSync(path);
  assert.equal(convertTorchCheckpoint(testdata("checkpoint.bin"), cache), path);
  assert.deepEqual([statSync(path).ino, statSync(path).mtimeMs], [ino, mtimeMs]);
  assert.equal(readdirSync(cache).length, 1);
});

Deno.test("a changed checkpoint is converted again, and a damaged cache file is replaced", () => {
  using folder = new TemporaryFolder();
  const source = folder.join("pytorch_model.bin");
  copyFileSync(testdata("checkpoint.bin"), source);
  const first = convertTorchCheckpoint(source, folder.path);
  assert.match(first, /pytorch_model-[0-9a-f]{32}\.safetensors$/);
  truncateSync(first, 100);
  assert.equal(convertTorchCheckpoint(source, folder.path), first);
  assert.equal(readSafetensors(first).size, 18);
  utimesSync(source, 1, 1);
  assert.notEqual(convertTorchCheckpoint(source, folder.path), first);
});

Deno.test("a checkpoint that is refused leaves nothing behind", () => {
  using folder = new TemporaryFolder();
  assert.throws(() => convertTorchCheckpoint(testdata("legacy.bin"), folder.path), InputError);
  assert.deepEqual(readdirSync(folder.path), []);
  assert.throws(
    () => convertTorchCheckpoint(folder.join("no.bin"), folder.path),
    /Cannot open .*no/,
  );
});

Deno.test("processes that convert at the same time all get the whole file", async () => {
  using folder = new TemporaryFolder();
  const script = `
    const { convertTorchCheckpoint, readSafetensors } = await import(Deno.args[0]);
    const path = convertTorchCheckpoint(Deno.args[1], Deno.args[2]);
    console.log(path, readSafetensors(path).size);`;
  const args = [new URL("./mod.ts", import.meta.url).href, testdata("checkpoint.bin"), folder.path];
  const runs = Array.from({ length: 3 }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["eval", "--ext=js", script, ...args],
      stderr: "inherit",
    }).output());
  const outputs = (await Promise.all(runs)).map(({ stdout }) => new TextDecoder().decode(stdout));
  assert.equal(new Set(outputs).size, 1);
  assert.match(outputs[0]!, /\.safetensors 18\n$/);
  assert.equal(readdirSync(folder.path).length, 1);
});
