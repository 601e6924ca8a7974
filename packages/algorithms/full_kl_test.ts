import assert from "node:assert/strict";
import { FullKl } from "./full_kl.ts";
import { PpoLearner } from "./ppo_learner.ts";
import { ppoStep } from "./ppo_step.ts";
import { lora, randomAdapter, TinyT5 } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";

const sequences = randomSequences(5);

function learner(model: string, start: boolean): Promise<PpoLearner> {
  return PpoLearner.create({
    model,
    lora,
    ...(start ? { adapter: randomAdapter(model) } : {}),
    loss: { cliprange: 0.2, cliprangeValue: 0.2, vfCoef: 0.1 },
    optimizer: { learningRate: 1e-2 },
    runtime,
  });
}

Deno.test("the full KL is 0 before the first update, and above 0 after it", async () => {
  using folder = new TinyT5();
  for (const start of [false, true]) {
    await using policy = await learner(folder.model, start);
    const full = await FullKl.open(policy);
    const config = { miniBatchSize: 5, ppoEpochs: 1, klKind: "full", gamma: 1, lam: 1 } as const;
    for (let step = 0; step < 3; step++) {
      const fullKl = await full.perToken(sequences, 0.8);
      const all = fullKl.flatMap((row) => [...row]);
      assert.equal(all.length, sequences.reduce((n, s) => n + s.response.length, 0));
      if (step === 0) assert.ok(all.every((x) => Math.abs(x) < 1e-6));
      else assert.ok(all.every((x) => x > -1e-6) && all.some((x) => x > 1e-6));
      const { stats } = await ppoStep(
        policy,
        { sequences, scores: sequences.map((_, i) => i), fullKl },
        { ...config, temperature: 0.8, firstStep: step === 0 },
        { kind: "fixed", value: 0.1 },
        () => [0, 1, 2, 3, 4],
      );
      const mean = all.reduce((a, b) => a + b, 0) / sequences.length;
      assert.ok(Math.abs(stats["objective/kl"] - mean) < 1e-6);
    }
    await full.release();
  }
});

Deno.test("the full KL is the mean of the sampled one over all words that could come next", async () => {
  using folder = new TinyT5();
  await using policy = await learner(folder.model, true);
  const moved = policy.state().train;
  const params = new Map(
    [...moved.params].map(([name, { dtype, dims, data }]) =>
      [name, { dtype, dims, data: data.map((x) => x * 1.5) }] as const
    ),
  );
  policy.restore({ ...policy.state(), train: { ...moved, params } });
  const full = await FullKl.open(policy);
  const query = sequences[0]!.query;
  const words = Array.from({ length: policy.config.vocab_size }, (_, id) => [id]);
  const each = words.map((response) => ({ query, response }));
  const now = await policy.forward(each);
  const reference = await policy.forward(each, { reference: true });
  const expected = words.reduce((sum, _, i) => {
    const [lp, ref] = [now[i]!.logprobs[0]!, reference[i]!.logprobs[0]!];
    return sum + Math.exp(lp) * (lp - ref);
  }, 0);
  const [found] = await full.perToken([{ query, response: [5] }], 1);
  assert.ok(expected > 1e-4);
  assert.ok(Math.abs(found![0]! - expected) < 1e-5, `${found![0]} and ${expected}`);
  await full.release();
});

Deno.test("a step refuses a policy that is not its reference, and says so", async () => {
  using folder = new TinyT5();
  await using policy = await learner(folder.model, true);
  policy.restore({ ...policy.state(), reference: undefined });
  const config = { miniBatchSize: 5, ppoEpochs: 1, klKind: "kl", gamma: 1, lam: 1 } as const;
  const step = (firstStep: boolean) =>
    ppoStep(
      policy,
      { sequences, scores: sequences.map((_, i) => i) },
      { ...config, temperature: 1, firstStep },
      { kind: "fixed", value: 0.1 },
      () => [0, 1, 2, 3, 4],
    );
  await assert.rejects(step(true), /InvariantError.*KL to the reference is not 0/);
  assert.equal(policy.state().train.updates, 0);
  await step(false);
});
