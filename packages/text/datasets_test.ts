import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { join } from "node:path";
import { lengthBetween, loadRows, readRows } from "./datasets.ts";
import { withFolder } from "./testing/tiny_tokenizers.ts";

const bom = "\uFEFF";

/** Writes one file, reads its rows, and returns them. */
async function rowsOf(name: string, content: string | Uint8Array, columns?: string[]) {
  let rows: unknown;
  await withFolder({ [name]: content }, async (folder) => {
    rows = await loadRows(join(folder, name), columns === undefined ? {} : { columns });
  });
  return rows;
}

Deno.test("CSV: byte-order mark, CRLF, quotes, line breaks inside quotes, blank lines", async () => {
  const text =
    `${bom}id,text\r\n1,plain\r\n\r\n2,"with ""quotes"", commas\r\nand lines"\r\n3,\r\n4,último`;
  assert.deepEqual(await rowsOf("a.csv", text), [
    { id: "1", text: "plain" },
    { id: "2", text: 'with "quotes", commas\r\nand lines' },
    { id: "3", text: "" },
    { id: "4", text: "último" },
  ]);
});

Deno.test("CSV: a header alone is no rows; spaces belong to the field", async () => {
  assert.deepEqual(await rowsOf("a.csv", "a,b\n"), []);
  assert.deepEqual(await rowsOf("a.csv", "a,b\n 1 , 2 \n"), [{ a: " 1 ", b: " 2 " }]);
  // pandas writes its index under an empty name.
  assert.deepEqual(await rowsOf("a.csv", ",a\n0,x\n"), [{ "": "0", a: "x" }]);
});

Deno.test("JSONL: byte-order mark, CRLF, blank lines, values that are no text", async () => {
  const text = `${bom}{"a":"x","n":1.5,"b":true,"z":null,"l":[1,"2"]}\r\n\r\n{"a":"\\u2028y"}`;
  assert.deepEqual(await rowsOf("a.jsonl", text), [
    { a: "x", n: "1.5", b: "true", z: "", l: '[1,"2"]' },
    { a: "\u2028y" },
  ]);
});

Deno.test("JSONL: numbers are what is written, alone and inside arrays and objects", async () => {
  const text =
    '{"id":9007199254740993,"share":1.0,"exp":1E5,"all":[1.0, {"b":-0.10,"t":"caf\\u00e9 \\"1.0\\""}]}';
  assert.deepEqual(await rowsOf("a.jsonl", text), [{
    id: "9007199254740993",
    share: "1.0",
    exp: "1E5",
    all: '[1.0,{"b":-0.10,"t":"café \\"1.0\\""}]',
  }]);
});

Deno.test("JSONL: of a key that is there twice the last counts, as JSON has it", async () => {
  assert.deepEqual(await rowsOf("a.jsonl", '{"a":{"a":0},"a":2.0,"b":{}}'), [{
    a: "2.0",
    b: "{}",
  }]);
});

Deno.test("JSONL: a list of messages is their text, or stays JSON", async () => {
  const turns = [{ role: "user", content: "Is it far?" }, { role: "assistant", content: "No." }];
  const parts = [{
    role: "user",
    content: [{ type: "text", text: "Is it" }, { type: "text", text: " far?" }],
  }];
  const roles = [{ role: "host", name: "Ann" }];
  const line = JSON.stringify({ turns, parts, roles, none: [] });
  assert.deepEqual(await rowsOf("a.jsonl", line), [{
    turns: "Is it far?\nNo.",
    parts: "Is it far?",
    roles: JSON.stringify(roles),
    none: "[]",
  }]);
  await withFolder({ "a.jsonl": line }, async (folder) => {
    const [row] = await loadRows(join(folder, "a.jsonl"), { messages: "json", columns: ["turns"] });
    assert.deepEqual(row, { turns: JSON.stringify(turns) });
  });
});

Deno.test("JSONL: a message without a text is refused with its line, unless its column is not asked for", async () => {
  const called = { role: "assistant", tool_calls: [{ id: "1" }] };
  const cases: readonly [unknown, string][] = [
    [{ ...called, content: null }, "null"],
    [called, "missing"],
    [{ role: "assistant", content: [{ type: "text", text: "a" }, { type: "image" }] }, "a list"],
  ];
  for (const [message, found] of cases) {
    const line = JSON.stringify({ id: 1, turns: [{ role: "user", content: "a" }, message] });
    await assert.rejects(
      () => rowsOf("a.jsonl", `{"id":0}\n${line}`),
      (error) => {
        assert.ok(error instanceof InputError);
        assert.match(error.message, /a\.jsonl, line 2, column "turns": the content of message 2/);
        assert.ok(error.message.includes(`(role "assistant") is ${found}; expected a text`));
        return true;
      },
    );
    assert.deepEqual(await rowsOf("a.jsonl", line, ["id"]), [{ id: "1" }]);
  }
});

Deno.test("CR alone ends lines where a file has no other line ends", async () => {
  assert.deepEqual(await rowsOf("a.csv", 'a,b\r1,"x\ry"\r2,z\r'), [
    { a: "1", b: "x\ry" },
    { a: "2", b: "z" },
  ]);
  assert.deepEqual(await rowsOf("a.jsonl", `${bom}{"a":1}\r{"a":2}`), [{ a: "1" }, { a: "2" }]);
  // Beside other line ends it is text.
  assert.deepEqual(await rowsOf("a.csv", "a,b\r\n1,x\ry\r\n"), [{ a: "1", b: "x\ry" }]);
  assert.deepEqual(await rowsOf("a.csv", "a,b\n1,x\ry\n"), [{ a: "1", b: "x\ry" }]);
});

Deno.test("semicolons and tabs separate fields where the header has no comma", async () => {
  assert.deepEqual(await rowsOf("a.csv", `${bom}a;"b,c"\n1,5;x\n`), [{ a: "1,5", "b,c": "x" }]);
  assert.deepEqual(await rowsOf("a.csv", "a\tb\r\n1;2\tx, y\r\n"), [{ a: "1;2", b: "x, y" }]);
  assert.deepEqual(await rowsOf("a.tsv", "a\tb\n1\t2\n"), [{ a: "1", b: "2" }]);
  assert.deepEqual(await rowsOf("a.tsv", "a, or b\tc\n1\t2\n"), [{ "a, or b": "1", c: "2" }]);
  assert.deepEqual(await rowsOf("a.csv", "a;b,c\n1;2,3\n"), [{ "a;b": "1;2", c: "3" }]);
});

Deno.test("a column that is named like a method of Object is data or missing, never inherited", async () => {
  assert.deepEqual(await rowsOf("a.jsonl", '{"constructor":"c"}', ["constructor"]), [
    { constructor: "c" },
  ]);
  await assert.rejects(rowsOf("a.csv", "a\n1\n", ["constructor"]), InputError);
});

Deno.test("chosen columns are returned alone", async () => {
  assert.deepEqual(await rowsOf("a.csv", "a,b,c\n1,2,3\n", ["c", "a"]), [{ c: "3", a: "1" }]);
});

Deno.test("lines are whole however the file is read in chunks", async () => {
  const long = "é".repeat(100_001);
  const rows = [`{"a":"${long}"}`, '{"a":"short"}', `{"a":"${long}"}`];
  assert.deepEqual(await rowsOf("a.jsonl", rows.join("\n")), [
    { a: long },
    { a: "short" },
    { a: long },
  ]);
  const csv = await rowsOf("a.csv", `a\n"${long}\n${long}"\n`);
  assert.deepEqual(csv, [{ a: `${long}\n${long}` }]);
});

Deno.test("reading stops where the caller stops", () =>
  withFolder({ "a.csv": "a\n1\n2\n3,broken\n", "a.jsonl": '{"a":1}\nbroken' }, async (folder) => {
    for (const name of ["a.csv", "a.jsonl"]) {
      for await (const row of readRows(join(folder, name))) {
        assert.deepEqual(row, { a: "1" });
        break;
      }
    }
  }));

const refused = (
  title: string,
  file: string,
  content: string | Uint8Array,
  name: string,
  message: RegExp,
  columns?: string[],
) => Deno.test(title, () => assert.rejects(rowsOf(file, content, columns), { name, message }));

refused("CSV: an empty file", "a.csv", "", "InputError", /a\.csv: it has no header row/);
refused(
  "CSV: a repeated column",
  "a.csv",
  "a,b,a\n",
  "InputError",
  /"a" twice, as columns 1 and 3/,
);
refused(
  "CSV: two nameless columns",
  "a.csv",
  "a,,\n",
  "InputError",
  /"" twice, as columns 2 and 3/,
);
refused(
  "CSV: a field too many, after a field of three lines",
  "a.csv",
  'a,b\n"x\n\nx",1\n\n"y\ny",2,3\n',
  "InputError",
  /a\.csv, line 6: the row has 3 fields, the header 2 \("a", "b"\)/,
);
refused("CSV: an open quote", "a.csv", 'a,b\n1,"x\n2,3\n', "InputError", /CSV_QUOTE_NOT_CLOSED/);
refused("CSV: a stray quote", "a.csv", 'a\n1\nx"y\n', "InputError", /a\.csv, line 3: .*quote/i);
refused(
  "CSV: bytes that are not UTF-8",
  "a.csv",
  Uint8Array.of(0x61, 0x0a, 0x62, 0x0a, 0xff, 0x0a),
  "InputError",
  /a\.csv, line 3: it is not valid UTF-8/,
);
refused("JSONL: a broken line", "a.jsonl", '{"a":1}\n{"a":', "InputError", /a\.jsonl, line 2: /);
refused("JSONL: an array", "a.jsonl", "[1]\n", "InputError", /line 1: .* found an array of 1/);
refused(
  "a missing column",
  "a.jsonl",
  '{"a":1,"b":2}\n{"a":1}\n',
  "InputError",
  /a\.jsonl, line 2: there is no column "b"; the columns are "a"/,
  ["a", "b"],
);
refused("an unknown extension", "a.parquet", "", "InputError", /"\.parquet", expected \.csv/);

Deno.test("a missing file is an error that names it", async () => {
  for (const name of ["missing.csv", "missing.jsonl"]) {
    await assert.rejects(loadRows(name), { message: new RegExp(`Cannot read ${name}: ENOENT`) });
  }
});

Deno.test("lengthBetween counts code points and includes both limits", () => {
  const keep = lengthBetween("t", { min: 2, max: 3 });
  assert.deepEqual(["a", "ab", "abc", "abcd", "😀", "😀😀😀"].map((t) => keep({ t })), [
    false,
    true,
    true,
    false,
    false,
    true,
  ]);
  assert.throws(() => keep({ u: "x" }), /no column "t"; the columns are "u"/);
  assert.throws(() => lengthBetween("t", { min: 3, max: 2 }), InputError);
});
