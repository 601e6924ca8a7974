import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./prepare.ts";
import { loadSettings } from "./settings.ts";
import { TinySources } from "./testing.ts";

interface Row {
  readonly dialogue: string;
  readonly inserted: string;
  readonly text: string;
  readonly label: string;
}

Deno.test("prepared data: disjoint sentences, forms and shares as stated, the same again for a seed", () => {
  using sources = new TinySources();
  const settings = loadSettings(sources.settings);
  const out = join(sources.path, "out");
  const read = (name: string) =>
    readFileSync(join(out, `${name}.jsonl`), "utf8").trim().split("\n")
      .map((line) => JSON.parse(line) as Row);
  const found = prepare(sources.data, out, settings, 1);
  assert.equal(found.rows["test"], 12);
  assert.equal(found.rows["ppo"], found.rows["sft.train"]);
  assert.ok(found.quoted > 0 && found.quoted < found.inserted);
  assert.ok(found.inserted < found.rows["sft.train"]!);

  const sentence = /you (?:fool|friend) \d+/;
  const numbersOf = (texts: readonly string[]) =>
    new Set(texts.flatMap((text) => sentence.exec(text)?.[0].replace(/\D+/, "") ?? []));
  const sets = [
    ...["reward.train", "reward.test", "judge.train", "judge.test"].map((name) =>
      numbersOf(read(name).map(({ text }) => text))
    ),
    numbersOf(
      [...read("sft.train"), ...read("ppo"), ...read("sft.dev")].map((row) => row.dialogue),
    ),
    numbersOf(read("test").map((row) => row.dialogue)),
  ];
  for (const [i, set] of sets.entries()) {
    assert.ok(set.size > 0, `set ${i} is empty`);
    for (const other of sets.slice(i + 1)) assert.ok(set.isDisjointFrom(other));
  }
  for (const { dialogue, inserted } of read("test")) {
    assert.equal(dialogue.includes(`: ${inserted}`) && inserted !== "", sentence.test(dialogue));
    assert.ok(!dialogue.includes("#"), dialogue);
  }
  const tweets = read("judge.train").filter(({ text }) => text.includes("word"));
  assert.ok(tweets.length > 0 && tweets.every(({ text }) => !/RT|@/.test(text)));

  const first = readFileSync(join(out, "sft.train.jsonl"), "utf8");
  prepare(sources.data, out, settings, 1);
  assert.equal(readFileSync(join(out, "sft.train.jsonl"), "utf8"), first);
  prepare(sources.data, out, settings, 2);
  assert.notEqual(readFileSync(join(out, "sft.train.jsonl"), "utf8"), first);

  rmSync(join(sources.data, "toxicity", "paradetox.tsv"));
  assert.throws(
    () => prepare(sources.data, out, settings, 1),
    /--data is ".*": it has neither toxicity\/paradetox.tsv nor toxicity\/paradetox.tsv.xz/,
  );
});
