import assert from "node:assert/strict";
import { mul, reduceMean } from "@decorum/onnx";
import { meanGradients } from "@decorum/optim";
import { float32 } from "@decorum/tensor";
import { lora, noise, randomAdapter, TinyT5 } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";
import { type LearnerSample, type Objective, PolicyLearner } from "./policy_learner.ts";

/** The mean of each token's log-probability times a number of its own, which stands in `oldLogprobs`. */
const objective: Objective<LearnerSample> = {
  title: "Weighted",
  valueHead: false,
  loss({ graph, logprobs }) {
    const weights = graph.input("weights", "float32", ["tokens"]);
    return { loss: reduceMean(mul(logprobs, weights), [0], false), statistics: {} };
  },
  feeds(samples) {
    const weights = samples.flatMap(({ oldLogprobs }) => [...oldLogprobs]);
    return { weights: float32([weights.length], weights) };
  },
  count: ({ tokens }) => tokens,
};

/** Responses to prompts, as often as `counts` says, in an order in which they do not follow each other. */
function samplesOf(counts: readonly number[]): LearnerSample[] {
  const drawn = randomSequences(20);
  const all = counts.flatMap((count, p) =>
    Array.from({ length: count }, (_, r) => ({
      query: drawn[p]!.query,
      response: drawn[(3 * p + 5 * r) % 20]!.response,
    }))
  );
  return all.map((_, i) => all[(7 * i) % all.length]!).map((sequence, i) => ({
    sequence,
    oldLogprobs: noise(`weight ${i}`, [sequence.response.length]).data,
  }));
}

Deno.test("prompts encoded once: the same predictions and gradients, in fewer positions", async () => {
  using folder = new TinyT5();
  const open = async (sharePrompts: boolean) => {
    const options = {
      ...{ model: folder.model, lora, runtime, loss: {}, microBatchSize: 6, sharePrompts },
      optimizer: { learningRate: 1e-2 },
      adapter: randomAdapter(folder.model, lora, "shared"),
    };
    return await PolicyLearner.create(options, objective);
  };
  await using apart = await open(false);
  await using shared = await open(true);
  for (const counts of [[3, 3, 3], [4, 1, 2, 4], [13], [1, 1]]) {
    const samples = samplesOf(counts);
    const sequences = samples.map(({ sequence }) => sequence);
    const [a, b] = [await apart.forward(sequences), await shared.forward(sequences)];
    a.forEach(({ logprobs }, i) => near(b[i]!.logprobs, logprobs, 2e-6));
    const [x, y] = [await apart.gradients(samples), await shared.gradients(samples)];
    assert.ok(Math.abs(x.loss - y.loss) < 1e-6);
    const means = meanGradients(y.accumulation);
    for (const [name, { data }] of meanGradients(x.accumulation)) {
      const largest = Math.max(...data.map(Math.abs));
      near(means.get(name)!.data, data, 1e-5 * largest);
    }
  }
});

function near(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(found[i]! - expected[i]!);
    assert.ok(error <= tolerance, `at ${i}: ${found[i]} and ${expected[i]}`);
  }
}
