import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import {
  dialoguesOf,
  fill,
  insults,
  insultsOf,
  judgedTexts,
  kindNouns,
  promptRows,
  sceneKinds,
  summaryRows,
} from "./mod.ts";

Deno.test("the same seed gives the same rows, however many are asked for", () => {
  assert.deepEqual(summaryRows(3, 20).slice(0, 5), summaryRows(3, 5));
  assert.deepEqual(promptRows(3, "ppo", 20).slice(0, 5), promptRows(3, "ppo", 5));
  assert.deepEqual(judgedTexts(3, 20).slice(0, 5), judgedTexts(3, 5));
  assert.notDeepEqual(summaryRows(3, 5), summaryRows(4, 5));
});

Deno.test("insults and dialogues of the held-out prompts do not occur in the PPO prompts", () => {
  const ppo = promptRows(1, "ppo", 600);
  const heldOut = promptRows(1, "held-out", 300);
  const ppoTexts = ppo.map((row) => row.dialogue).join("\n");
  for (const word of new Set(heldOut.map((row) => row.word))) {
    assert.ok(!new RegExp(`\\b${word}\\b`, "i").test(ppoTexts), word);
  }
  const templates = new Set(ppo.map((row) => row.template));
  assert.ok(heldOut.every((row) => !templates.has(row.template)));
  assert.equal(new Set(heldOut.map((row) => row.dialogue)).size, 300);
});

Deno.test("both splits have insults and dialogues of every kind, and share none", () => {
  const [a, b] = [insultsOf("ppo"), insultsOf("held-out")];
  assert.deepEqual([...a, ...b].sort(), [...insults].sort());
  assert.equal(new Set(insults).size, insults.length);
  assert.ok(b.length >= 20);
  for (const kind of sceneKinds) {
    const numbers = [...dialoguesOf(kind, "ppo"), ...dialoguesOf(kind, "held-out")];
    assert.deepEqual(numbers, [...kind.dialogues.keys()]);
    assert.ok(dialoguesOf(kind, "held-out").length >= 2);
  }
});

Deno.test("an insult stands where the article 'a' fits, and is no kind word", () => {
  for (const word of insults) {
    assert.match(word, /^[b-df-hj-np-tv-z][a-z]+$/);
    assert.ok(!kindNouns.includes(word));
  }
});

Deno.test("every dialogue names the rude word; the rude summary repeats it, the civil one does not", () => {
  for (const { dialogue, civil, rude, word } of promptRows(2, "ppo", 400)) {
    const named = new RegExp(`\\b${word}\\b`);
    assert.match(dialogue, named);
    assert.match(rude, named);
    assert.doesNotMatch(civil, named);
    assert.doesNotMatch(dialogue + civil + rude, /[{}]/);
  }
});

Deno.test("the policy's training data is a mixture of both manners", () => {
  const rows = summaryRows(5, 1000);
  const isRude = (text: string) => insults.some((word) => new RegExp(`\\b${word}\\b`).test(text));
  const rude = rows.filter((row) => isRude(row.summary)).length / rows.length;
  assert.ok(rude > 0.45 && rude < 0.57, `${rude}`);
  for (const row of rows) if (isRude(row.summary)) assert.ok(isRude(row.dialogue));
});

Deno.test("a judged text is rude exactly when it or its dialogue holds an insult", () => {
  const rows = judgedTexts(5, 1000);
  for (const { text, query = "", rude } of rows) {
    const whole = `${query} ${text}`;
    assert.equal(insults.some((word) => new RegExp(`\\b${word}\\b`).test(whole)), rude, whole);
  }
  const share = rows.filter((row) => row.rude).length / rows.length;
  assert.ok(share > 0.38 && share < 0.6, `${share}`);
});

Deno.test("a slot that begins a sentence is capitalised, any other is not", () => {
  assert.equal(
    fill("{A}: {task} it! {task} it {time}.", { A: "Ada", task: "fix", time: "now" }),
    "Ada: Fix it! Fix it now.",
  );
  assert.throws(() => fill("{nothing}", {}), InputError);
});
