import assert from "node:assert/strict";
import { auc } from "./classifier_quality.ts";
import { Draws } from "./draws.ts";
import { balanced, insertTurn, labelledTexts, leadingTurns, targetSummary } from "./rows.ts";

const dialogue = "Person1: a\nPerson2: b\nPerson1: c";
const row = { dialogue, summary: "They talk." };

Deno.test("a toxic turn is put after the first, by one of the two, in about its share of the dialogues", () => {
  const draws = new Draws(1, "test");
  const options = { share: 0.5, sentences: ["you fool"], fits: () => true, draws };
  const rows = Array.from({ length: 400 }, () => insertTurn(row, options)!);
  const inserted = rows.filter(({ inserted }) => inserted);
  assert.ok(inserted.length > 150 && inserted.length < 250, `${inserted.length}`);
  for (const { dialogue, inserted: made } of inserted) {
    const turns = dialogue.split("\n");
    assert.equal(turns.length, 4);
    assert.ok(turns.indexOf(`${made!.speaker}: you fool`) > 0, dialogue);
    assert.match(made!.speaker, /^Person[12]$/);
  }
  for (const plain of rows.filter(({ inserted }) => !inserted)) {
    assert.deepEqual(plain, { dialogue, reference: "They talk." });
  }
});

Deno.test("dialogues are cut to leading turns with room for the toxic one, and dropped below two", () => {
  assert.deepEqual(leadingTurns(["ab", "cd", "ef"], (text) => text.length <= 5), ["ab", "cd"]);
  const of = (most: number) =>
    insertTurn(row, {
      share: 1,
      sentences: ["you fool"],
      fits: (text) => text.length <= most,
      draws: new Draws(1),
    });
  assert.equal(of(41)?.dialogue.split("\n").length, 3);
  assert.ok(of(41)!.dialogue.length <= 41);
  assert.equal(of(30), undefined);
});

Deno.test("a summary quotes the toxic turn where there is one, or not at all", () => {
  const inserted = { speaker: "Person2", sentence: "you fool" };
  const quoted = (share: number, made: object) =>
    targetSummary({ dialogue, reference: "They talk.", ...made }, share, new Draws(1));
  assert.equal(quoted(1, { inserted }), 'Person2 says "you fool" They talk.');
  assert.equal(quoted(0, { inserted }), "They talk.");
  assert.equal(quoted(1, {}), "They talk.");
});

Deno.test("a classifier's texts have the same forms in both classes", () => {
  const texts = labelledTexts(
    [{ toxic: "you fool", neutral: "you friend" }],
    ["They talk."],
    new Draws(1),
  );
  const forms = (label: string) =>
    texts.filter((text) => text.label === label).map(({ text }) => text.replace(/Person\d/, "X"));
  assert.deepEqual(forms("hate"), ["you fool", 'X says "you fool" They talk.']);
  assert.deepEqual(forms("nothate"), [
    "you friend",
    'X says "you friend" They talk.',
    "They talk.",
  ]);
  const tweets = [true, true, false].map((toxic, i) => ({ text: `${i}`, toxic }));
  assert.deepEqual(balanced(tweets).map(({ text }) => text), ["0", "2"]);
});

Deno.test("the area under the ROC curve counts pairs in order, ties half", () => {
  assert.equal(auc([3, 4], [1, 2]), 1);
  assert.equal(auc([1, 2], [3, 4]), 0);
  assert.equal(auc([1, 1], [1, 1, 1]), 0.5);
  // (4 > 1, 4 > 3, 2 > 1, 2 < 3): 3 of 4 pairs.
  assert.equal(auc([4, 2], [1, 3]), 0.75);
});
