import assert from "node:assert/strict";
import { TextClassifier } from "@decorum/scoring";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { LocalRewards } from "./local.ts";

const prompts = [
  { text: "the", ids: [1], reference: "the end" },
  { text: "you", ids: [2] },
];
const responses = ["the end", "you fool", "ok"];
const batch = {
  pairs: responses.map((response, i) => ({ prompt: prompts[i % 2]!, response })),
  groups: [[2, 0], [1]],
  responses: 1,
};

Deno.test("terms in one process: a classifier's own logits, texts, and what prompts say of themselves", async () => {
  using folder = new TemporaryFolder();
  const path = writeClassifier(folder.join("classifier"));
  await using classifier = await TextClassifier.load(path);
  const [bad = "", good = ""] = classifier.labels;
  await using rewards = await LocalRewards.open([
    { name: "civil", kind: "classifier", expression: `"${good}" - 2 "${bad}"` },
    { name: "content", kind: "rouge", type: "rouge1", weight: 3 },
  ], { classifier: path });
  const { results, version } = await rewards.score(batch);
  assert.match(version, /^[0-9a-f]{64}$/);
  for (const [i, response] of responses.entries()) {
    const item = classifier.encode({ response }, { truncate: true }, "");
    const [logits] = await classifier.logits([item]);
    const { score, terms } = results[i]!;
    const civil = logits![1]! - 2 * logits![0]!;
    assert.ok(Math.abs(terms["civil"]! - civil) < 1e-6);
    assert.equal(terms["content"], [1, null, 0][i]);
    assert.ok(Math.abs(score - terms["civil"]! - 3 * (terms["content"] ?? 0)) < 1e-9);
  }
});

Deno.test("one label in one process gives its raw logit, and toxicity beside it", async () => {
  using folder = new TemporaryFolder();
  const path = writeClassifier(folder.join("classifier"));
  await using classifier = await TextClassifier.load(path);
  const label = classifier.labels[1]!;
  await using rewards = await LocalRewards.open(
    [{ name: "civil", kind: "classifier", label }],
    { classifier: path },
  );
  const { results, version } = await rewards.score(batch);
  assert.equal(version, classifier.version, "that of the model, as in a run of the trainer");
  const item = classifier.encode({ response: responses[0]! }, { truncate: true }, "");
  const [logits] = await classifier.logits([item]);
  assert.equal(results[0]!.score, logits![1]);
  assert.equal(results[0]!.otherProbability, 1 - classifier.probabilities(logits!)[1]!);
});

Deno.test("terms in one process that cannot be used are refused by name", async () => {
  using folder = new TemporaryFolder();
  const term = { name: "civil", kind: "classifier", label: "rude" } as const;
  await assert.rejects(LocalRewards.open([term]), /reward "civil": it names no service; name a/);
  const classifier = writeClassifier(folder.join("classifier"));
  await assert.rejects(
    LocalRewards.open([term], { classifier }),
    /Reward "civil": classifier has no label "rude"; it has /,
  );
});
