import {
  castTensor,
  float32,
  InputError,
  readSafetensors,
  type Tensor,
  writeSafetensors,
} from "@decorum/tensor";
import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { openCheckpoint } from "./checkpoint.ts";

const testdata = (name: string) => new URL(`../tensor/testdata/${name}`, import.meta.url).pathname;

const weight = float32([2, 3], [1, 2, 3, 4, 5, 6]);
const bias = castTensor(float32([2], [7, 8]), "float16");

/** Runs `use` in a new folder with these safetensors files and these JSON files. */
function inFolder(
  use: (folder: string) => void,
  weights: Record<string, Record<string, Tensor>> = {},
  json: Record<string, unknown> = {},
): void {
  const folder = mkdtempSync(join(tmpdir(), "decorum-test-"));
  try {
    for (const [name, tensors] of Object.entries(weights)) {
      writeSafetensors(join(folder, name), new Map(Object.entries(tensors)));
    }
    for (const [name, value] of Object.entries(json)) {
      writeFileSync(join(folder, name), JSON.stringify(value));
    }
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const single = { "model.safetensors": { "encoder.weight": weight, "encoder.bias": bias } };
const shards = { "1.safetensors": { "a.weight": weight }, "2.safetensors": { "b.bias": bias } };
const index = "model.safetensors.index.json";
const indexOf = (weight_map: unknown) => ({ [index]: { metadata: {}, weight_map } });

Deno.test("one safetensors file: keys, places and values", () => {
  inFolder((folder) => {
    using checkpoint = openCheckpoint(folder);
    assert.deepEqual(checkpoint.keys().sort(), ["encoder.bias", "encoder.weight"]);
    assert.equal(checkpoint.has("encoder.bias"), true);
    assert.equal(checkpoint.has("encoder"), false);
    assert.deepEqual(checkpoint.read("encoder.bias"), bias);
    const info = checkpoint.info("encoder.weight");
    assert.equal(info.file, join(folder, "model.safetensors"));
    assert.deepEqual([info.dtype, info.dims, info.length], ["float32", [2, 3], 24]);
    assert.equal(readFileSync(info.file).readFloatLE(info.offset + 20), 6);
  }, single);
});

Deno.test("a relative folder gives absolute files", () => {
  inFolder((folder) => {
    using checkpoint = openCheckpoint(relative(".", folder));
    assert.equal(checkpoint.folder, folder);
    assert.ok(isAbsolute(checkpoint.info("encoder.bias").file));
  }, single);
});

Deno.test("shards by their index", () => {
  const map = { "a.weight": "1.safetensors", "b.bias": "2.safetensors" };
  inFolder(
    (folder) => {
      using checkpoint = openCheckpoint(folder);
      assert.deepEqual(checkpoint.keys(), ["a.weight", "b.bias"]);
      assert.deepEqual(checkpoint.read("a.weight"), weight);
      assert.equal(checkpoint.info("b.bias").file, join(folder, "2.safetensors"));
    },
    shards,
    indexOf(map),
  );
});

Deno.test("a PyTorch file, whole or sharded, is used through its cached safetensors form", () => {
  const expected = readSafetensors(testdata("checkpoint.safetensors"));
  inFolder((folder) => {
    const options = { cacheDir: join(folder, "cache") };
    copyFileSync(testdata("checkpoint.bin"), join(folder, "pytorch_model.bin"));
    for (let run = 0; run < 2; run++) {
      using checkpoint = openCheckpoint(folder, options);
      for (const [key, value] of expected) assert.deepEqual(checkpoint.read(key), value);
      assert.match(
        checkpoint.info("scalar").file,
        /cache.pytorch_model-[0-9a-f]{32}\.safetensors$/,
      );
    }
    assert.equal(readdirSync(options.cacheDir).length, 1);
  });
  inFolder(
    (folder) => {
      for (const name of ["one.bin", "two.bin"]) {
        copyFileSync(testdata("checkpoint.bin"), join(folder, name));
      }
      using checkpoint = openCheckpoint(folder, { cacheDir: join(folder, "cache") });
      assert.deepEqual(checkpoint.read("i8"), expected.get("i8"));
      assert.match(checkpoint.info("f16").file, /cache.two-/);
    },
    {},
    { "pytorch_model.bin.index.json": { weight_map: { i8: "one.bin", f16: "two.bin" } } },
  );
});

Deno.test("safetensors go before a PyTorch file, and one file before an index", () => {
  inFolder(
    (folder) => {
      writeFileSync(join(folder, "pytorch_model.bin"), "unreadable");
      using checkpoint = openCheckpoint(folder);
      assert.equal(checkpoint.keys().length, 2);
    },
    single,
    { [index]: "unreadable" },
  );
});

Deno.test("a missing folder or weights file says what was looked for", () => {
  inFolder((folder) => {
    assert.throws(
      () => openCheckpoint(join(folder, "none")),
      new InputError(`Cannot open checkpoint ${join(folder, "none")}: there is no such folder`),
    );
    assert.throws(
      () => openCheckpoint(folder),
      new InputError(
        `Cannot open checkpoint ${folder}: the folder has no weights file; looked for ` +
          "model.safetensors, model.safetensors.index.json, pytorch_model.bin, " +
          "pytorch_model.bin.index.json",
      ),
    );
  });
});

Deno.test("an index that does not fit its shards is refused by key and file", () => {
  const cases: [unknown, RegExp][] = [
    [
      undefined,
      /^InputError: Cannot use index .*: its field "weight_map" is undefined, expected an/,
    ],
    [["a"], /its field "weight_map" is \["a"\], expected an object of file names by tensor name/],
    [{ x: 3 }, /tensor "x" is in 3, expected the name of a file beside the index/],
    [
      { x: "../2.safetensors" },
      /tensor "x" is in "\.\.\/2\.safetensors", expected the name of a file/,
    ],
    [{ x: ".." }, /tensor "x" is in "\.\.", expected the name of a file/],
    [
      { "a.weight": "1.safetensors", "c.weight": "3.safetensors" },
      /^InputError: Cannot use index .*index\.json: tensor "c\.weight" is in 3\.safetensors, but .* has no such file; fetch the missing shard/,
    ],
    [
      { "a.weight": "2.safetensors" },
      /^InputError: .*tensor "a\.weight" should be in 2\.safetensors, but that file does not hold it/,
    ],
  ];
  for (const [map, expected] of cases) {
    inFolder(
      (folder) => assert.throws(() => openCheckpoint(folder), expected),
      shards,
      indexOf(map),
    );
  }
});

Deno.test("an unknown key names the nearest ones", () => {
  inFolder((folder) => {
    using checkpoint = openCheckpoint(folder);
    const uses: ((key: string) => unknown)[] = [
      (key) => checkpoint.info(key),
      (key) => checkpoint.read(key),
    ];
    for (const use of uses) {
      assert.throws(
        () => use("encoder.wight"),
        new InputError(
          `Cannot find tensor "encoder.wight" in checkpoint ${folder} of 2 tensors; ` +
            'nearest: "encoder.weight", "encoder.bias"',
        ),
      );
    }
  }, single);
});

Deno.test("expect checks shape and type against what the model needs", () => {
  inFolder((folder) => {
    using checkpoint = openCheckpoint(folder);
    const info = checkpoint.expect("encoder.bias", [2], ["float32", "float16"]);
    assert.deepEqual(info, checkpoint.info("encoder.bias"));
    const file = join(folder, "model.safetensors");
    for (const dims of [[3, 2], [2], [2, 3, 1]]) {
      assert.throws(
        () => checkpoint.expect("encoder.weight", dims),
        new InputError(
          `Cannot use tensor "encoder.weight" of ${file}: its shape is [2, 3], expected ` +
            `[${dims.join(", ")}]; do the weights belong to this config.json?`,
        ),
      );
    }
    assert.throws(
      () => checkpoint.expect("encoder.bias", [2], ["float32", "bfloat16"]),
      new InputError(
        `Cannot use tensor "encoder.bias" of ${file}: its type is float16, expected float32 or bfloat16`,
      ),
    );
    assert.throws(() => checkpoint.expect("encoder", [2]), InputError);
  }, single);
});

Deno.test("a closed checkpoint refuses to read", () => {
  inFolder((folder) => {
    const checkpoint = openCheckpoint(folder);
    checkpoint.close();
    checkpoint.close();
    assert.throws(() => checkpoint.read("encoder.bias"), /the file was closed/);
  }, single);
});
