import assert from "node:assert/strict";
import { type BuiltinReward, builtinSource } from "./builtin.ts";

const persist = <T>(_: string, call: () => Promise<T>): Promise<T> => call();
const batch = {
  prompts: ["p", "p", "p"],
  responses: ["Ann will call Bo.", "call call call call", ""],
  references: ["Ann calls Bo.", "Ann calls Bo.", null],
  rows: [{}, {}, {}],
};
const call = { signal: new AbortController().signal, say: () => {}, persist };
const scores = async (reward: BuiltinReward) => {
  await using source = builtinSource(reward);
  return (await source.score(batch, call)).scores;
};

Deno.test("ROUGE against the human text; a row without one has no score", async () => {
  const [first, second, third] = await scores({
    kind: "rouge",
    type: "rougeL",
    measure: "fmeasure",
  });
  assert.ok(Math.abs(first! - 6 / 7) < 1e-12, `${first}`); // 3 of 4 words and 3 of 3, stemmed
  assert.ok(Math.abs(second! - 2 / 7) < 1e-12, `${second}`);
  assert.equal(third, null);
});

Deno.test("length: nothing within the tolerance, then the distance over the target", async () => {
  const words = { kind: "length", unit: "words", target: 4, tolerance: 1 } as const;
  assert.deepEqual(await scores(words), [0, 0, -0.75]);
  const characters = { kind: "length", unit: "characters", target: 17, tolerance: 0 } as const;
  assert.deepEqual(await scores(characters), [0, -2 / 17, -1]);
});

Deno.test("repetition: the share of n-grams that came before", async () => {
  assert.deepEqual(await scores({ kind: "repetition", n: 1 }), [0, -0.75, 0]);
  assert.deepEqual(await scores({ kind: "repetition", n: 2 }), [0, -2 / 3, 0]);
});

Deno.test("a regular expression is found or not, whatever its flags", async () => {
  assert.deepEqual(await scores({ kind: "regex", pattern: "\\bcall\\b", flags: "giu" }), [1, 1, 0]);
  assert.throws(
    () => builtinSource({ kind: "regex", pattern: "(", flags: "" }),
    /Cannot use "\(" as a reward: Invalid regular expression/,
  );
});
