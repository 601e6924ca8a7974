import assert from "node:assert/strict";
import { meanGradients } from "@decorum/optim";
import { PpoLearner } from "./ppo_learner.ts";
import { noise, randomAdapter, randomValueHead, TinyT5 } from "@decorum/testing/t5";
import { gradientMismatches, randomSequences, runtime } from "@decorum/testing/training";

const cases = {
  "FLAN's gated, untied": { json: {}, loss: {} },
  "T5 1.0's ReLU, tied": {
    json: { feed_forward_proj: "relu", tie_word_embeddings: true },
    loss: {},
  },
  "entropy bonus and clamp": { json: {}, loss: { entropyCoef: 0.05, logRatioClamp: 3 } },
};

for (const [name, { json, loss }] of Object.entries(cases)) {
  Deno.test(`the PPO gradient agrees with differences: ${name}`, async () => {
    using folder = new TinyT5({ json: json });
    const targetModules = ["q", "k", "v", "o", "wo"];
    const lora = { r: 2, loraAlpha: 4, loraDropout: 0, targetModules };
    await using learner = await PpoLearner.create({
      model: folder.model,
      lora,
      adapter: randomAdapter(folder.model, lora),
      valueHead: randomValueHead(16),
      loss: { cliprange: 0.2, cliprangeValue: 0.2, vfCoef: 0.5, ...loss },
      optimizer: { learningRate: 0 },
      microBatchSize: 2,
      runtime,
    });
    const sequences = randomSequences(4);
    const now = await learner.forward(sequences);
    const samples = sequences.map((sequence, i) => {
      const { logprobs, values } = now[i]!;
      const random = (label: string, scale: number) =>
        noise(`${label} ${i}`, [logprobs.length], scale).data;
      return {
        sequence,
        // Some ratios inside the clip range and some far outside, none at its edge.
        oldLogprobs: logprobs.map((x, t) => x + [0, 0.6, -0.7][t % 3]!),
        oldValues: values.map((x, t) => x + [0.01, 0.9][t % 2]!),
        advantages: random("advantage", 1),
        returns: random("return", 1),
      };
    });
    const gradients = await learner.gradients(samples, { temperature: 0.8 });
    const grads = meanGradients(gradients.accumulation);
    const state = learner.state();
    const mismatches = await gradientMismatches(state.train.params, grads, async (params) => {
      learner.restore({ ...state, train: { ...state.train, params } });
      return (await learner.gradients(samples, { temperature: 0.8 })).loss;
    });
    assert.deepEqual(mismatches, []);
    assert.ok(grads.size > 40);
  });
}
