import assert from "node:assert/strict";
import { openCheckpoint } from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import { lora, randomAdapter, TinyT5 } from "@decorum/testing/t5";
import { gradientMismatches, randomSequences, runtime } from "@decorum/testing/training";
import { type DpoOptions, openDpo, type PreferencePair } from "./dpo.ts";
import { train } from "./training_run.ts";

const optimizer = { learningRate: 1e-2 };
const open = (model: string, options: Partial<DpoOptions> = {}) =>
  openDpo({ model, optimizer, runtime, ...options });

const sequences = randomSequences(8);
const pairs = sequences.slice(0, 4).map(({ query, response }, i): PreferencePair => ({
  query,
  chosen: response,
  rejected: sequences[7 - i]!.response,
}));

for (const [what, options] of [["all weights", {}], ["LoRA", { lora }]] as const) {
  Deno.test(`the gradient agrees with differences: ${what}`, async () => {
    using folder = new TinyT5();
    const adapter = "lora" in options ? { adapter: randomAdapter(folder.model) } : {};
    await using dpo = await open(folder.model, { ...options, ...adapter, beta: 0.5 });
    // Off its start, where policy and reference differ.
    await dpo.update(pairs);
    const { state, grads } = {
      state: dpo.state(),
      grads: meanGradients((await dpo.gradients(pairs)).accumulation),
    };
    if (what === "all weights") {
      using checkpoint = openCheckpoint(folder.model);
      assert.deepEqual([...grads.keys()].sort(), checkpoint.keys().sort());
    }
    const loss = async (params: Params) => {
      dpo.restore({ ...state, train: { ...state.train, params } });
      return (await dpo.evaluate(pairs)).means["loss"]!;
    };
    assert.deepEqual(await gradientMismatches(dpo.params, grads, loss), []);
  });

  Deno.test(`the reference is the start, and stays as it is: ${what}`, async () => {
    using folder = new TinyT5();
    const adapter = "lora" in options ? { adapter: randomAdapter(folder.model) } : {};
    await using dpo = await open(folder.model, { ...options, ...adapter });
    const before = await dpo.forward(pairs);
    assert.deepEqual(await dpo.forward(pairs, { reference: true }), before);
    const { means } = await dpo.evaluate(pairs);
    assert.ok(Math.abs(means["loss"]! - Math.log(2)) < 1e-6);
    assert.equal(means["rewards/margins"], 0);
    await dpo.update(pairs);
    assert.notDeepEqual(await dpo.forward(pairs), before);
    assert.deepEqual(await dpo.forward(pairs, { reference: true }), before);
  });
}

Deno.test("log-probabilities are sums over the tokens of a response, however pairs are cut", async () => {
  using folder = new TinyT5();
  await using whole = await open(folder.model, { lora, microBatchSize: 4 });
  await using cut = await open(folder.model, { lora, microBatchSize: 1 });
  const logps = await whole.forward(pairs);
  for (const [i, found] of (await cut.forward(pairs)).entries()) {
    for (const side of ["chosen", "rejected"] as const) {
      assert.ok(Math.abs(found[side] - logps[i]![side]) < 1e-4);
      // A uniform guess is ln 40 a token.
      assert.ok(found[side] < -pairs[i]![side].length);
    }
  }
  const [gradients, others] = [await whole.gradients(pairs), await cut.gradients(pairs)];
  assert.equal(gradients.count, 4);
  const grads = meanGradients(others.accumulation);
  for (const [name, { data }] of meanGradients(gradients.accumulation)) {
    data.forEach((x, i) => assert.ok(Math.abs(x - grads.get(name)!.data[i]!) < 1e-5, name));
  }
});

Deno.test("dropout leaves the same out of a prompt for all of its pairs, however they are cut", async () => {
  using folder = new TinyT5();
  const adapter = randomAdapter(folder.model);
  const dropping = { ...lora, loraDropout: 0.3 };
  const gradientsOf = async (microBatchSize: number) => {
    await using dpo = await open(folder.model, { lora: dropping, adapter, microBatchSize });
    const some = pairs.map((pair, i) => i === 2 ? pair : { ...pair, query: pairs[0]!.query });
    return meanGradients((await dpo.gradients(some)).accumulation);
  };
  const [whole, cut] = [await gradientsOf(4), await gradientsOf(1)];
  for (const [name, { data }] of whole) {
    data.forEach((x, i) => assert.ok(Math.abs(x - cut.get(name)!.data[i]!) < 1e-5, name));
  }
});

Deno.test("dpo learns what is preferred", async () => {
  using folder = new TinyT5();
  await using dpo = await open(folder.model, { lora: { ...lora, loraDropout: 0.1 } });
  for await (const _ of train(dpo, pairs, { batchSize: 4, steps: 20, seed: 1 }));
  const { means } = await dpo.evaluate(pairs);
  assert.ok(means["loss"]! < 0.5, `${means["loss"]}`);
  assert.equal(means["rewards/accuracies"], 1);
  const margin = means["rewards/chosen"]! - means["rewards/rejected"]!;
  assert.ok(Math.abs(means["rewards/margins"]! - margin) < 1e-5);
});

Deno.test("what does not fit is named", async () => {
  using folder = new TinyT5();
  await assert.rejects(open(folder.model, { beta: 0 }), /beta 0: expected a number above 0/);
  await using dpo = await open(folder.model, { lora });
  const bad = { ...pairs[0]!, rejected: [99] };
  await assert.rejects(dpo.update([bad]), /id 99/);
  await assert.rejects(dpo.evaluate([]), /0 examples/);
});
