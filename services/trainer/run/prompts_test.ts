import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer } from "@decorum/text";
import { checkPromptLengths, loadPrompts } from "./prompts.ts";
import { algorithmOf, type RunConfig, runConfigOf } from "@decorum/settings";
import { TemporaryFolder } from "@decorum/testing/folder";
import { settings } from "../testing/fixture.ts";
import { writeRows, writeTinyT5 } from "../testing/tiny_model.ts";

function setUp() {
  const folder = new TemporaryFolder();
  writeTinyT5(join(folder.path, "model"));
  writeRows(join(folder.path, "train.jsonl"), 40);
  const tokenizer = loadTokenizer(join(folder.path, "model"));
  const config = runConfigOf(settings(folder.path));
  const load = (changes: Partial<RunConfig["data"]>, other: Partial<RunConfig> = {}) => {
    const data = { ...config.data, ...changes };
    const sources = { model: "", startAdapter: null, train: data.train, eval: data.eval };
    const changed = { ...config, ...other, data };
    return loadPrompts(changed, algorithmOf(changed), sources, tokenizer);
  };
  return { folder, load, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

Deno.test("prompts are the filled template, within the limits of characters and tokens", async () => {
  using all = setUp();
  const { train, heldOut, dropped } = await all.load({ prompt: "say {text}" });
  assert.equal(train.length, 40);
  assert.deepEqual([heldOut.length, dropped], [0, 0]);
  assert.ok(train.every(({ text, ids }) => text.startsWith("say ") && ids.at(-1) === 1));
  const short = await all.load({ min_chars: 3, max_chars: 6 });
  assert.ok(
    short.train.length < 40 &&
      short.train.every(({ text }) => text.length >= 3 && text.length <= 6),
  );
  const by = await all.load({ length_column: "summary", max_chars: 3 });
  assert.equal(by.train.length, 16);
  const cut = await all.load({ max_prompt_tokens: 9, over_length: "drop" });
  assert.equal(cut.train.length + cut.dropped, 40);
  assert.ok(cut.dropped > 0 && cut.train.every(({ ids }) => ids.length <= 9));
});

Deno.test("held-out prompts come from another part, or another file", async () => {
  using all = setUp();
  const evaluate = { every_steps: 1, prompts: 4 };
  const split = { train: 0.6, test: 0.4 };
  const parts = await all.load({ split, reference_column: "summary" }, { evaluate });
  assert.equal(parts.heldOut.length, 4);
  const train = new Set(parts.train.map(({ text }) => text));
  for (const { prompt, reference } of parts.heldOut) {
    assert.ok(!train.has(prompt));
    assert.ok(reference);
  }
  const file = join(all.folder.path, "other.csv");
  writeFileSync(file, "text,summary\nab,x\ncd,y\nef,z\n");
  const other = await all.load({ eval: file }, { evaluate });
  assert.deepEqual(other.heldOut.map(({ prompt }) => prompt), ["ab", "cd", "ef"]);
  assert.equal(other.train.length, 40);
});

Deno.test("data that cannot be used is named, with what to do", async () => {
  using all = setUp();
  const empty = join(all.folder.path, "empty.jsonl");
  writeFileSync(empty, "");
  const ragged = join(all.folder.path, "ragged.jsonl");
  writeFileSync(ragged, '{"text": "a"}\n{"words": "b"}\n');
  const refused = (data: Partial<RunConfig["data"]>, message: RegExp, other?: Partial<RunConfig>) =>
    assert.rejects(all.load(data, other), message);
  await refused({ train: empty }, /empty.jsonl \(data.train\): it has no rows/);
  await refused({ train: ragged }, /ragged.jsonl, line 2: there is no column "text"/);
  await refused({ train: "data.txt" }, /no file data.txt/);
  await refused({ columns: ["id"] }, /no column "id" \(data.columns\)/);
  await refused({ length_column: "size" }, /no column "size" \(data.length_column\)/);
  await refused({ prompt: "{text" }, /never closed/);
  await refused(
    { split: { train: 0.05, rest: 0.95 } },
    /prompts are left of 40 rows .*in other parts/,
  );
  await refused({ split: { train: 1 }, eval_split: "test" }, /Cannot use part "test"/, {
    evaluate: { every_steps: 1, prompts: 4 },
  });
  assert.throws(
    () => checkPromptLengths([{ text: "long one", ids: [1, 2, 3] }], 2, "here"),
    /1 of 1 prompts are over 2 tokens \(here\); the longest has 3 and begins "long one"/,
  );
});
