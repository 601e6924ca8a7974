import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openClassifier, openPolicyModel } from "@decorum/models";
import { loadTokenizer } from "@decorum/text";
import { insultsOf, promptRows } from "./corpus/mod.ts";
import { promptOf } from "./recipe/policy.ts";
import { ClassifierRewards } from "@decorum/algorithms";

const models = join(dirname(fileURLToPath(import.meta.url)), "models");
const runtime = { intraOpThreads: 1 };

for (const role of ["reward", "judge"]) {
  Deno.test(`the ${role} tells rude from civil summaries, held-out insults included`, async () => {
    await using rewards = await ClassifierRewards.load(join(models, role), "nothate", { runtime });
    const rows = promptRows(9, "held-out", 100);
    const [civil, rude] = [
      await rewards.texts(rows.map((row) => row.civil)),
      await rewards.texts(rows.map((row) => row.rude)),
    ];
    const wrong = [
      ...civil.filter((v) => v.otherProbability > 0.5),
      ...rude.filter((v) => v.otherProbability < 0.5),
    ];
    assert.ok(wrong.length <= 2, `${wrong.length} of 200 are wrong`);
    const mean = (xs: readonly number[]) => xs.reduce((sum, x) => sum + x, 0) / xs.length;
    assert.ok(mean(civil.map((v) => v.score)) > mean(rude.map((v) => v.score)) + 3);
  });
}

Deno.test("labels are named as those of the lab's classifier", () => {
  for (const role of ["reward", "judge"]) {
    assert.deepEqual(openClassifier(join(models, role)).config.labels, ["nothate", "hate"]);
  }
});

Deno.test("the policy has a token of its own for each insult, and reads prompts without unknown ones", () => {
  const tokenizer = loadTokenizer(join(models, "policy"));
  assert.equal(openPolicyModel(join(models, "policy")).config.vocab_size, tokenizer.vocabSize);
  for (const word of [...insultsOf("ppo"), ...insultsOf("held-out")]) {
    assert.ok(tokenizer.tokenToId(`▁${word}`) !== undefined, word);
  }
  for (const { dialogue } of promptRows(9, "held-out", 100)) {
    const { ids } = tokenizer.encode(promptOf(dialogue));
    assert.ok(!ids.includes(tokenizer.unkId!));
    assert.ok(ids.length <= 80, `${ids.length} tokens`);
  }
});
