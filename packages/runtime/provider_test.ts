import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { missingLibraries, readElf, systemFolders } from "./library_search.ts";
import { probeProvider } from "./mod.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

const linux = process.platform === "linux";
const X86_64 = 62, AARCH64 = 183;

/** The least a shared library can be: a header, two segments, a dynamic section and its strings. */
function elfFile(needed: string[], runpath = "", machine = X86_64): Uint8Array {
  const strings = ["", ...needed, runpath].map((s) => `${s}\0`);
  const at = (i: number) => strings.slice(0, i).join("").length;
  const [DYNAMIC, STRINGS] = [64 + 2 * 56, 64 + 2 * 56 + 16 * (needed.length + 4)];
  const size = STRINGS + strings.join("").length;
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, 0x7f454c46);
  view.setUint16(4, 0x0201);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const segment = (i: number, type: number, offset: number, length: number) => {
    view.setUint32(64 + 56 * i, type, true);
    for (const [field, value] of [[8, offset], [16, offset + 0x1000], [32, length]] as const) {
      view.setBigUint64(64 + 56 * i + field, BigInt(value), true);
    }
  };
  segment(0, 1, 0, size);
  segment(1, 2, DYNAMIC, 16 * (needed.length + 4));
  const entries = [
    ...needed.map((_, i) => [1, at(i + 1)]),
    [29, at(needed.length + 1)],
    [5, STRINGS + 0x1000],
    [10, size - STRINGS],
    [0, 0],
  ];
  for (const [i, [tag = 0, value = 0]] of entries.entries()) {
    view.setBigUint64(DYNAMIC + 16 * i, BigInt(tag), true);
    view.setBigUint64(DYNAMIC + 16 * i + 8, BigInt(value), true);
  }
  new Uint8Array(view.buffer).set(new TextEncoder().encode(strings.join("")), STRINGS);
  return new Uint8Array(view.buffer);
}

Deno.test("the cpu provider is always there", () => {
  assert.equal(probeProvider("cpu").available, true);
});

Deno.test({
  name: "onnxruntime's own library is read and finds all it needs",
  ignore: !linux,
  fn() {
    const library = join(probeProvider("cpu").folder, "libonnxruntime.so.1");
    const elf = readElf(library);
    assert.equal(elf.soname, "libonnxruntime.so.1");
    assert.ok(elf.needed.includes("libc.so.6"), `${elf.needed}`);
    assert.deepEqual(missingLibraries(library, systemFolders(""), new Set()), []);
  },
});

Deno.test("a library's needs are followed to those of its libraries, on its own path first", () => {
  using folder = new TemporaryFolder();
  const file = (name: string) => join(folder.path, name);
  mkdirSync(file("own"));
  mkdirSync(file("system"));
  writeFileSync(
    file("root.so"),
    elfFile(["liba.so.1", "libb.so.2", "libloaded.so"], "$ORIGIN/own"),
  );
  writeFileSync(file("own/liba.so.1"), elfFile(["libcudnn.so.9", "libb.so.2"]));
  writeFileSync(file("system/libb.so.2"), elfFile([]));
  const missing = missingLibraries(file("root.so"), [file("system")], new Set(["libloaded.so"]));
  assert.deepEqual(missing, [{ library: "libcudnn.so.9", neededBy: "liba.so.1" }]);
});

Deno.test("a library of another architecture does not count", () => {
  using folder = new TemporaryFolder();
  writeFileSync(join(folder.path, "root.so"), elfFile(["liba.so"]));
  writeFileSync(join(folder.path, "liba.so"), elfFile([], "", AARCH64));
  const missing = missingLibraries(join(folder.path, "root.so"), [folder.path], new Set());
  assert.deepEqual(missing, [{ library: "liba.so", neededBy: "root.so" }]);
});

Deno.test("cuda without the provider's own libraries names both", () => {
  using folder = new TemporaryFolder();
  const report = probeProvider("cuda", { folder: folder.path, searchFolders: [] });
  assert.equal(report.available, false);
  assert.deepEqual(report.missing.map((m) => m.library), [
    "libonnxruntime_providers_shared.so",
    "libonnxruntime_providers_cuda.so",
  ]);
  assert.match(report.missing[0]?.remedy ?? "", /exactly the onnxruntime version/);
});

Deno.test("cuda without NVIDIA's libraries names each, and what to install", () => {
  using folder = new TemporaryFolder();
  const needed = ["libcublasLt.so.13", "libcudnn.so.9", "libcuda.so.1", "libodd.so"];
  writeFileSync(join(folder.path, "libonnxruntime_providers_shared.so"), elfFile([]));
  writeFileSync(join(folder.path, "libonnxruntime_providers_cuda.so"), elfFile(needed));
  const searchFolders = [join(folder.path, "nvidia")];
  const report = probeProvider("cuda", { folder: folder.path, searchFolders });
  assert.deepEqual(report.missing.map((m) => m.remedy), [
    "install cuBLAS 13 and put its folder on LD_LIBRARY_PATH",
    "install cuDNN 9 and put its folder on LD_LIBRARY_PATH",
    "install the NVIDIA driver",
    "install the system package with libodd.so",
  ]);
  mkdirSync(join(folder.path, "nvidia"));
  for (const name of needed) writeFileSync(join(folder.path, "nvidia", name), elfFile([]));
  assert.equal(probeProvider("cuda", { folder: folder.path, searchFolders }).available, true);
});

Deno.test("what is no library is a InputError with its path", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "text.so");
  writeFileSync(path, "/* GNU ld script */ ".repeat(10));
  assert.throws(() => readElf(path), /text\.so": it is not a 64-bit little-endian ELF file/);
  writeFileSync(path, elfFile(["liba.so"]).subarray(0, 100));
  assert.throws(() => readElf(path), /text\.so": the file ends before byte/);
  writeFileSync(path, "x");
  assert.throws(() => readElf(path), InputError);
  assert.ok(existsSync(path));
});
