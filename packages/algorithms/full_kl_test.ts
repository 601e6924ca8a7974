import assert from "node:assert/strict";
import { ppo } from "./ppo.ts";
import { first, open } from "./testing/runs.ts";
import { TinyT5 } from "@decorum/testing/t5";
import { randomSequences } from "@decorum/testing/training";

const sequences = randomSequences(5);

Deno.test("the full KL is 0 before the first update, and above 0 after it", async () => {
  using folder = new TinyT5();
  for (const start of [false, true]) {
    const settings = {
      kl_penalty: "full" as const,
      ...{ batch_size: 5, mini_batch_size: 5, ppo_epochs: 1 },
      ...{ temperature: 0.8, learning_rate: 1e-2 },
    };
    await using learning = await open(
      ppo,
      folder.model,
      settings,
      start ? {} : { start: undefined },
    );
    for (let step = 0; step < 3; step++) {
      const fullKl = await learning.fullKl!.perToken(sequences, 0.8);
      const all = fullKl.flatMap((row) => [...row]);
      assert.equal(all.length, sequences.reduce((n, s) => n + s.response.length, 0));
      if (step === 0) assert.ok(all.every((x) => Math.abs(x) < 1e-6));
      else assert.ok(all.every((x) => x > -1e-6) && all.some((x) => x > 1e-6));
      const scores = sequences.map((_, i) => i);
      const { statistics } = await learning.learn(
        { sequences, scores },
        { ...first, step },
      );
      const mean = all.reduce((a, b) => a + b, 0) / sequences.length;
      assert.ok(Math.abs(statistics["objective/kl"]! - mean) < 1e-6);
    }
  }
});

Deno.test("the full KL is the mean of the sampled one over all words that could come next", async () => {
  using folder = new TinyT5();
  await using learning = await open(ppo, folder.model, { kl_penalty: "full" });
  const policy = learning.learner;
  const moved = policy.state().train;
  const params = new Map(
    [...moved.params].map(([name, { dtype, dims, data }]) =>
      [name, { dtype, dims, data: data.map((x) => x * 1.5) }] as const
    ),
  );
  policy.restore({ ...policy.state(), train: { ...moved, params } });
  const full = learning.fullKl!;
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
});

Deno.test("a step refuses a policy that is not its reference, and says so", async () => {
  using folder = new TinyT5();
  await using learning = await open(ppo, folder.model, { batch_size: 5 });
  const { learner } = learning;
  learner.restore({ ...learner.state(), reference: undefined });
  const batch = { sequences, scores: sequences.map((_, i) => i) };
  const step = () => learning.learn(batch, first);
  await assert.rejects(step, /InvariantError.*KL to the reference is not 0/);
  const { train, reference } = learner.state();
  assert.equal(train.updates, 0);
  // After the first update it may differ.
  learner.restore({ train: { ...train, updates: 1 }, reference });
  await step();
});
