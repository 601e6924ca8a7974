import assert from "node:assert/strict";
import { join } from "node:path";
import {
  buildForwardGraph,
  initAdapter,
  mergeAdapter,
  openCheckpoint,
  openPolicyModel,
  type Sequence,
  tokenBatch,
} from "@decorum/models";
import { openGraph } from "@decorum/runtime";
import { float32, type Tensor } from "@decorum/tensor";
import {
  countedTokens,
  type LearnerOptions,
  learnerSession,
  PolicyLearner,
  type TokenPredictions,
} from "@decorum/learning";
import { ppo, type PpoSample } from "./ppo.ts";
import { lora, noise, randomAdapter, randomValueHead, TinyT5 } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";

const optimizer = { learningRate: 1e-2 };
const objective = ppo.open({});

function learner(
  model: string,
  options: Partial<LearnerOptions> = {},
): Promise<PolicyLearner<PpoSample>> {
  return PolicyLearner.create({ model, lora, optimizer, runtime, ...options }, objective);
}

/** What each sequence learns from: predictions near those given, random advantages. */
function samplesOf(
  sequences: readonly Sequence[],
  predictions: readonly TokenPredictions[],
): PpoSample[] {
  return sequences.map((sequence, i) => {
    const random = (label: string, scale: number) =>
      noise(`${label} ${i}`, [countedTokens(sequence)], scale).data;
    const { logprobs, values } = predictions[i]!;
    return {
      sequence,
      oldLogprobs: logprobs.map((x, t) => x + random("logprob", 0.1)[t]!),
      oldValues: values.map((x, t) => x + random("value", 0.05)[t]!),
      advantages: random("advantage", 1),
      returns: random("return", 1),
    };
  });
}

function near(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(found[i]! - expected[i]!);
    assert.ok(error <= tolerance, `element ${i}: ${found[i]}, expected ${expected[i]}`);
  }
}

function predictionsNear(
  found: readonly TokenPredictions[],
  expected: readonly TokenPredictions[],
  tolerance: number,
): void {
  assert.equal(found.length, expected.length);
  found.forEach((row, i) => {
    for (const field of ["logprobs", "values"] as const) {
      near(row[field], expected[i]![field], tolerance);
    }
  });
}

/** Log-probabilities of all sequences in one run under a model without adapter. */
async function baseLogprobs(model: string, sequences: readonly Sequence[]): Promise<Tensor> {
  const policy = openPolicyModel(model);
  using index = openCheckpoint(model);
  await using session = await openGraph(
    buildForwardGraph({ model: policy, index }),
    learnerSession(runtime),
  );
  const { feeds } = tokenBatch(sequences, policy.config);
  const { logprobs } = await session.run({ ...feeds, temperature: float32([], [1]) });
  return logprobs!;
}

const flat = (rows: readonly TokenPredictions[]) => rows.flatMap((row) => [...row.logprobs]);

Deno.test("a fresh adapter (B = 0) and an adapter switched off equal the base bit for bit", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(1);
  const base = [...(await baseLogprobs(folder.model, sequences)).data];
  await using policy = await learner(folder.model);
  assert.deepEqual(flat(await policy.forward(sequences)), base);
  const state = policy.state();
  const params = new Map([...state.train.params, ...randomAdapter(folder.model)]);
  policy.restore({ ...state, train: { ...state.train, params } });
  assert.notDeepEqual(flat(await policy.forward(sequences)), base);
  assert.deepEqual(flat(await policy.forward(sequences, { reference: true })), base);
});

Deno.test("training from an adapter: it is the reference, bit for bit, and stays frozen", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(4);
  await using policy = await learner(folder.model, {
    adapter: randomAdapter(folder.model),
    valueHead: randomValueHead(16),
  });
  const before = await policy.forward(sequences);
  const reference = await policy.forward(sequences, { reference: true });
  assert.deepEqual(flat(reference), flat(before));
  const outcome = await policy.update(samplesOf(sequences, before));
  assert.ok(outcome.applied);
  assert.notDeepEqual(flat(await policy.forward(sequences)), flat(before));
  const after = await policy.forward(sequences, { reference: true });
  assert.deepEqual(flat(after), flat(reference));
});

Deno.test("merged equals unmerged", async () => {
  for (const tied of [true, false]) {
    using folder = new TinyT5({ json: { tie_word_embeddings: tied } });
    const config = { ...lora, targetModules: ["q", "k", "v", "o", "wi_0", "wo"] };
    const parameters = randomAdapter(folder.model, config);
    const sequences = randomSequences(6);
    await using policy = await learner(folder.model, {
      lora: config,
      adapter: parameters,
      microBatchSize: 6,
    });
    const unmerged = await policy.forward(sequences);
    const merged = join(folder.path, "merged");
    mergeAdapter(
      folder.model,
      openPolicyModel(folder.model).layers,
      { config, parameters },
      merged,
    );
    near([...(await baseLogprobs(merged, sequences)).data].map(Number), flat(unmerged), 1e-5);
  }
});

Deno.test("micro-batches of any size give what one batch gives, in the caller's order", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(9);
  const options = { adapter: randomAdapter(folder.model), valueHead: randomValueHead(16) };
  await using whole = await learner(folder.model, { ...options, microBatchSize: 9 });
  const expected = await whole.forward(sequences);
  for (const microBatchSize of [1, 2, 4]) {
    await using cut = await learner(folder.model, { ...options, microBatchSize });
    predictionsNear(await cut.forward(sequences), expected, 1e-5);
  }
  const reversed = await whole.forward(sequences.toReversed());
  predictionsNear(reversed.toReversed(), expected, 1e-5);
});

Deno.test("what is padded beside a sequence does not matter", async () => {
  using folder = new TinyT5();
  const [short] = randomSequences(1);
  const long = { query: Array(30).fill(7), response: Array(25).fill(9) };
  await using policy = await learner(folder.model, { adapter: randomAdapter(folder.model) });
  const alone = await policy.forward([short!]);
  const beside = await policy.forward([long, short!]);
  predictionsNear([beside[1]!], alone, 1e-5);
});

Deno.test("only counted tokens are predicted; a sequence without any has none", async () => {
  using folder = new TinyT5();
  const [a, b] = randomSequences(2);
  await using policy = await learner(folder.model);
  const all = await policy.forward([a!, b!]);
  const mask = b!.response.map((_, t) => t === b!.response.length - 1);
  const some = await policy.forward([{ ...a!, mask: a!.response.map(() => false) }, {
    ...b!,
    mask,
  }]);
  assert.equal(some[0]!.logprobs.length, 0);
  near(some[1]!.logprobs, all[1]!.logprobs.slice(-1), 1e-5);
});

Deno.test("temperature divides the logits of policy and reference alike", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(2);
  await using policy = await learner(folder.model);
  const cool = await policy.forward(sequences, { temperature: 0.5 });
  const reference = await policy.forward(sequences, { temperature: 0.5, reference: true });
  assert.deepEqual(flat(cool), flat(reference));
  assert.notDeepEqual(flat(cool), flat(await policy.forward(sequences)));
  await assert.rejects(policy.forward(sequences, { temperature: 0 }), /temperature 0/);
});

Deno.test("a mini-batch of 16 equals 4 accumulated micro-batches of 4, however it is cut", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(16);
  const options = { adapter: randomAdapter(folder.model), valueHead: randomValueHead(16) };
  await using whole = await learner(folder.model, { ...options, microBatchSize: 16 });
  const samples = samplesOf(sequences, await whole.forward(sequences));
  const expected = await whole.update(samples);
  for (const microBatchSize of [4, 3]) {
    await using cut = await learner(folder.model, { ...options, microBatchSize });
    const found = await cut.update(samples);
    near([found.loss, found.gradNorm], [expected.loss, expected.gradNorm], 1e-5);
    predictionsNear(found.predictions, expected.predictions, 1e-5);
    const names = Object.keys(expected.means);
    near(names.map((n) => found.means[n]!), names.map((n) => expected.means[n]!), 1e-5);
    for (const [name, value] of cut.state().train.params) {
      near(value.data, whole.state().train.params.get(name)!.data, 1e-5);
    }
  }
});

Deno.test("ratio is 1 on the first mini-batch: the update's forward is the rollout's", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(5);
  await using policy = await learner(folder.model, { adapter: randomAdapter(folder.model) });
  const rollout = await policy.forward(sequences);
  const { predictions, means } = await policy.gradients(
    sequences.map((sequence, i) => ({
      sequence,
      oldLogprobs: rollout[i]!.logprobs,
      oldValues: rollout[i]!.values,
      advantages: rollout[i]!.logprobs,
      returns: rollout[i]!.values,
    })),
  );
  for (const [i, { logprobs }] of predictions.entries()) {
    near(logprobs, rollout[i]!.logprobs, 1e-6);
  }
  assert.ok(means["ppo/policy/approxkl"]! < 1e-12);
  // The returns are the rollout's values.
  assert.ok(means["ppo/val/error"]! < 1e-12);
});

Deno.test("a restored learner continues bit for bit", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(6);
  await using first = await learner(folder.model, { valueHead: randomValueHead(16) });
  const samples = samplesOf(sequences, await first.forward(sequences));
  await first.update(samples);
  const saved = first.state();
  await first.update(samples);
  await using second = await learner(folder.model, { seed: 5 });
  second.restore(saved);
  await second.update(samples);
  assert.deepEqual(second.state(), first.state());
  assert.equal(saved.train.updates, 1);
});

Deno.test("an update that is not finite is skipped, counted and said", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(3);
  await using policy = await learner(folder.model);
  const before = policy.state();
  const samples = samplesOf(sequences, await policy.forward(sequences));
  samples[1]!.advantages[0] = NaN;
  const outcome = await policy.update(samples);
  assert.equal(outcome.applied, false);
  assert.match(outcome.reason!, /loss is NaN/);
  assert.deepEqual(policy.state(), { ...before, train: { ...before.train, skipped: 1 } });
});

Deno.test("the value head's warm-up leaves the adapter as it is", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(3);
  await using policy = await learner(folder.model);
  const { adapter, valueHead } = policy;
  const samples = samplesOf(sequences, await policy.forward(sequences));
  assert.ok((await policy.update(samples, { valueHeadOnly: true })).applied);
  assert.deepEqual(policy.adapter, adapter);
  assert.notDeepEqual(policy.valueHead, valueHead);
});

Deno.test("what does not fit is named", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(2);
  await assert.rejects(
    learner(folder.model, { valueHead: randomValueHead(17) }),
    /"v_head.summary.weight" is float32 \[1,17\]; expected float32 \[1,16\]/,
  );
  const other = initAdapter({ ...lora, r: 2 }, openPolicyModel(folder.model).layers, 1);
  await assert.rejects(
    learner(folder.model, { adapter: other }),
    /is \[2, ?16\][;,] expected \[3, ?16\]/,
  );
  await using policy = await learner(folder.model);
  const samples = samplesOf(sequences, await policy.forward(sequences));
  const short = { ...samples[1]!, oldLogprobs: new Float32Array(1) };
  await assert.rejects(
    policy.gradients([samples[0]!, short]),
    /sample 1: oldLogprobs has 1 numbers; expected 5/,
  );
  await assert.rejects(policy.update([]), /0 tokens/);
  await assert.rejects(policy.forward([{ query: [99], response: [1] }]), /id 99/);
  const state = policy.state();
  const params = new Map([...state.train.params, ["x", float32([], [1])]]);
  assert.throws(() => policy.restore({ ...state, train: { ...state.train, params } }), /"x"/);
});
