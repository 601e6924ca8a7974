import assert from "node:assert/strict";
import { join } from "node:path";
import { openCheckpoint, openClassifier } from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import {
  type LabelledText,
  openReward,
  type RewardExample,
  type RewardOptions,
  type RewardSession,
  type TextPair,
} from "./reward.ts";
import {
  gradientMismatches,
  randomSequences,
  robertaJson,
  runtime,
} from "@decorum/testing/training";
import { TinyClassifier } from "@decorum/testing/classifier";
import { saveTrained } from "./trained_model.ts";
import { train } from "./training_run.ts";

const optimizer = { learningRate: 1e-2 };
const trainer = (model: string, options: Partial<RewardOptions> = {}) =>
  openReward({ model, objective: "labels", optimizer, runtime, ...options });

/** Loss and accuracy. */
async function judge(session: RewardSession, examples: readonly RewardExample[]) {
  const { means } = await session.evaluate(examples);
  return { loss: means["loss"]!, accuracy: means["accuracy"]! };
}

const texts = randomSequences(6).map((s) => [0, ...s.query, 2]);
const labelled: LabelledText[] = texts.map((ids, i) => ({ ids, label: i % 2 }));
const pairs: TextPair[] = labelled.slice(0, 3).map((chosen, i) => ({
  chosen,
  rejected: labelled[5 - i]!,
}));

for (const type of ["roberta", "bert"]) {
  for (const objective of ["labels", "pairs"] as const) {
    Deno.test(`the gradient by all weights agrees with differences: ${type}, ${objective}`, async () => {
      using folder = new TinyClassifier({ json: { ...robertaJson, model_type: type }, seed: 2 });
      await using reward = await trainer(folder.model, { objective, microBatchSize: 2 });
      const examples = objective === "labels" ? labelled : pairs;
      const grads = meanGradients((await reward.gradients(examples)).accumulation);
      using checkpoint = openCheckpoint(folder.model);
      assert.deepEqual([...grads.keys()].sort(), checkpoint.keys().sort());
      const state = reward.state();
      const loss = async (params: Params) => {
        reward.restore({ ...state, train: { ...state.train, params } });
        return (await judge(reward, examples)).loss;
      };
      // The tiny post-norm model bends sharply: a short step.
      assert.deepEqual(await gradientMismatches(reward.params, grads, loss, { h: 3e-3 }), []);
    });
  }
}

Deno.test("cross entropy and pair loss are what they say", async () => {
  using folder = new TinyClassifier({ json: robertaJson, seed: 2 });
  await using classes = await trainer(folder.model);
  await using preferences = await trainer(folder.model, {
    objective: "pairs",
    scoreLabel: "hate",
  });
  const both = await judge(classes, [{ ids: texts[0]!, label: 0 }]);
  const other = await judge(classes, [{ ids: texts[0]!, label: 1 }]);
  // The probabilities of two classes add up to 1.
  assert.ok(Math.abs(Math.exp(-both.loss) + Math.exp(-other.loss) - 1) < 1e-5);
  assert.equal(both.accuracy + other.accuracy, 1);
  const pair = { chosen: labelled[0]!, rejected: labelled[1]! };
  const forward = await judge(preferences, [pair]);
  const swapped = await judge(preferences, [{ chosen: pair.rejected, rejected: pair.chosen }]);
  assert.ok(Math.abs(Math.exp(-forward.loss) + Math.exp(-swapped.loss) - 1) < 1e-5);
  assert.equal(forward.accuracy, Number(forward.loss < swapped.loss));
  const same = await judge(preferences, [{ chosen: labelled[0]!, rejected: labelled[0]! }]);
  assert.ok(Math.abs(same.loss - Math.log(2)) < 1e-6);
});

/** The class is whether word 7 occurs. */
const toy = Array.from({ length: 24 }, (_, i): LabelledText => {
  const label = i % 2;
  return { ids: [0, 10 + i % 5, label ? 7 : 8, 12 + i % 7, 2], label };
});

for (
  const [what, lora] of [
    ["all weights", undefined],
    ["LoRA with dropout", {
      r: 4,
      loraAlpha: 8,
      loraDropout: 0.05,
      targetModules: ["query", "value", "out_proj", "classifier.dense"],
    }],
  ] as const
) {
  Deno.test(`reward-train learns labels: ${what}`, async () => {
    using folder = new TinyClassifier({ json: robertaJson, seed: 2 });
    await using reward = await trainer(folder.model, lora ? { lora } : {});
    const before = await judge(reward, toy);
    for await (const _ of train(reward, toy, { batchSize: 12, steps: 40, seed: 1 }));
    const after = await judge(reward, toy);
    assert.ok(after.loss < 0.5 * before.loss, `${before.loss} -> ${after.loss}`);
    assert.equal(after.accuracy, 1);
  });
}

Deno.test("reward-train learns preferences and writes a classifier", async () => {
  using folder = new TinyClassifier({ json: robertaJson, seed: 2 });
  const options = { objective: "pairs", scoreLabel: "nothate" } as const;
  await using reward = await trainer(folder.model, options);
  const data = toy.filter((t) => t.label === 0).map((chosen, i): TextPair => ({
    chosen,
    rejected: toy[2 * i + 1]!,
  }));
  for await (const _ of train(reward, data, { batchSize: 6, steps: 30, seed: 1 }));
  const after = await judge(reward, data);
  assert.ok(after.loss < 0.2, String(after.loss));
  const out = join(folder.path, "out");
  saveTrained(out, folder.model, reward);
  assert.deepEqual(openClassifier(out).config, openClassifier(folder.model).config);
  await using again = await trainer(out, options);
  assert.deepEqual(await judge(again, data), after);
});

Deno.test("what cannot be learned from is named", async () => {
  using folder = new TinyClassifier({ json: robertaJson, seed: 2 });
  await assert.rejects(trainer(folder.model, { scoreLabel: "kind" }), /"kind".*"nothate", "hate"/);
  await using reward = await trainer(folder.model);
  const refuse = (examples: RewardExample[], message: RegExp) =>
    assert.rejects(reward.update(examples), message);
  await refuse([{ ids: [0, 2], label: 2 }], /label is 2; expected 0 to 1/);
  await refuse([{ ids: [0, 99], label: 0 }], /id 99; expected 0 to 39/);
  await refuse([{ ids: Array(23).fill(5), label: 0 }], /23 tokens, but .* positions for 22/);
  await refuse([{ ids: [], label: 0 }], /has no tokens/);
  await refuse([labelled[0]!, pairs[0]!], /mix/);
  await refuse([], /0 tokens/);
  await assert.rejects(reward.evaluate([]), /0 examples/);
});
