import { readJson } from "./json.ts";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

Deno.test("a JSON object is read; anything else is refused by file and by what was found", () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-test-"));
  try {
    const path = join(folder, "config.json");
    assert.throws(
      () => readJson(path),
      /^InputError: Cannot read JSON file .*config\.json: ENOENT/,
    );
    assert.throws(() => readJson(folder), /^InputError: Cannot read JSON file .*: EISDIR/);
    const cases: [string, RegExp][] = [
      ["", /^InputError: Cannot parse .*config\.json as JSON: Unexpected end/],
      ['{"d_model": 512,}', /^InputError: Cannot parse .*config\.json as JSON: .*position/],
      ["version https://git-lfs.github.com/spec/v1\n", /as JSON: it is a Git LFS pointer/],
      [
        "[]",
        /^InputError: Cannot use .*config\.json: its outermost value is an array of 0, expected an obj/,
      ],
      ["null", /its outermost value is null/],
      ["3", /its outermost value is number 3/],
    ];
    for (const [text, expected] of cases) {
      writeFileSync(path, text);
      assert.throws(() => readJson(path), expected);
    }
    writeFileSync(path, '{"d_model": 512}');
    assert.deepEqual(readJson(path), { d_model: 512 });
    writeFileSync(path, '\uFEFF{"d_model": 512}');
    assert.deepEqual(readJson(path), { d_model: 512 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
