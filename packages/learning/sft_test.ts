import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openCheckpoint, openPolicyModel, readPeftAdapter, type Sequence } from "@decorum/models";
import { meanGradients, type Params } from "@decorum/optim";
import { writeSafetensors } from "@decorum/tensor";
import { openSft, type SftSession } from "./sft.ts";
import { gradientMismatches, randomSequences, runtime } from "@decorum/testing/training";
import { runOptions, sftOptions } from "./testing/runs.ts";
import { lora, randomAdapter, TinyT5 } from "@decorum/testing/t5";
import { stateToTensors } from "./learner_state.ts";
import { saveTrained, type TrainedModel } from "./trained_model.ts";
import { train } from "./training_run.ts";

const optimizer = { learningRate: 1e-2 };
const lossOf = async (session: SftSession, data: readonly Sequence[]) =>
  (await session.evaluate(data)).means["loss"]!;
const trainer = (model: string, options: Partial<TrainedModel> = {}) =>
  openSft({ model, optimizer, runtime, ...options });

for (const tied of [true, false]) {
  Deno.test(`the gradient by all weights agrees with differences: tied ${tied}`, async () => {
    using folder = new TinyT5({
      json: { tie_word_embeddings: tied, feed_forward_proj: "gated-gelu" },
    });
    await using sft = await trainer(folder.model);
    const sequences = randomSequences(3);
    const grads = meanGradients((await sft.gradients(sequences)).accumulation);
    using checkpoint = openCheckpoint(folder.model);
    assert.deepEqual([...grads.keys()].sort(), checkpoint.keys().sort());
    const state = sft.state();
    const loss = async (params: Params) => {
      sft.restore({ ...state, train: { ...state.train, params } });
      return await lossOf(sft, sequences);
    };
    assert.deepEqual(await gradientMismatches(sft.params, grads, loss), []);
    // Rows of words that no input and, without a tied head, no softmax sees.
    if (tied) return;
    const shared = grads.get("shared.weight")!.data;
    const used = new Set(sequences.flatMap((s) => [...s.query, ...s.response, 0]));
    for (let id = 0; id < 40; id++) {
      if (!used.has(id)) assert.ok(shared.subarray(id * 16, id * 16 + 16).every((x) => x === 0));
    }
  });
}

/** The response repeats the query's first word. */
function copyTask(count: number): Sequence[] {
  return Array.from({ length: count }, (_, i) => {
    const word = 2 + i % 6;
    return { query: [word, 10 + i % 3, 1], response: [word, 1] };
  });
}

for (
  const [what, options] of [
    ["all weights", {}],
    ["LoRA", { lora: { ...lora, targetModules: ["q", "v", "wi_0", "wo"] } }],
  ] as const
) {
  Deno.test(`sft learns to copy a word: ${what}`, async () => {
    using folder = new TinyT5();
    await using sft = await trainer(folder.model, { ...options, microBatchSize: 8 });
    const data = copyTask(16);
    const before = await sft.evaluate(data);
    const metrics = [];
    for await (const m of train(sft, data, { batchSize: 8, steps: 40, seed: 1 })) metrics.push(m);
    const after = await sft.evaluate(data);
    assert.equal(before.count, 32);
    assert.deepEqual(metrics.map((m) => m.step), [...Array(40).keys()]);
    const [from, to] = [before.means["loss"]!, after.means["loss"]!];
    assert.ok(to < 0.5 * from, `${from} -> ${to}`);
  });
}

Deno.test("the gradient by layers with a rank and a scale of their own agrees with differences", async () => {
  using folder = new TinyT5();
  const [q, v] = [
    "encoder.block.0.layer.0.SelfAttention.q",
    "decoder.block.1.layer.0.SelfAttention.v",
  ];
  const patterns = { rankPattern: { [q!]: 1, [v!]: 4 }, alphaPattern: { [q!]: 9, [v!]: 1 } };
  const config = { ...lora, ...patterns };
  const adapter = randomAdapter(folder.model, config);
  assert.deepEqual(adapter.get(`base_model.model.${v}.lora_A.weight`)!.dims, [4, 16]);
  await using sft = await trainer(folder.model, { lora: config, adapter });
  const sequences = randomSequences(3);
  const grads = meanGradients((await sft.gradients(sequences)).accumulation);
  const state = sft.state();
  const loss = async (params: Params) => {
    sft.restore({ ...state, train: { ...state.train, params } });
    return (await sft.evaluate(sequences)).means["loss"]!;
  };
  assert.deepEqual(await gradientMismatches(sft.params, grads, loss), []);
  // It is saved and read again with its patterns.
  const out = join(folder.path, "saved");
  saveTrained(out, folder.model, sft);
  assert.deepEqual(readPeftAdapter(out, openPolicyModel(folder.model).layers).config, config);
});

Deno.test("micro-batches of any size give the same gradient, dropout included", async () => {
  using folder = new TinyT5();
  const sequences = randomSequences(8);
  const gradients = async (microBatchSize: number, dropout: number) => {
    await using sft = await trainer(folder.model, {
      lora: { ...lora, loraDropout: dropout },
      adapter: randomAdapter(folder.model),
      microBatchSize,
    });
    return meanGradients((await sft.gradients(sequences)).accumulation);
  };
  for (const dropout of [0, 0.3]) {
    const whole = await gradients(8, dropout);
    for (const [name, { data }] of await gradients(3, dropout)) {
      whole.get(name)!.data.forEach((x, i) => assert.ok(Math.abs(x - data[i]!) <= 1e-5, name));
    }
  }
  const [off, on] = [await gradients(8, 0), await gradients(8, 0.3)];
  assert.notDeepEqual(off, on);
});

Deno.test("a run that is saved and continues in another process equals one that was not", async () => {
  using folder = new TinyT5();
  const data = randomSequences(10);
  await using whole = await openSft(sftOptions(folder.model));
  for await (const _ of train(whole, data, runOptions));
  await using half = await openSft(sftOptions(folder.model));
  for await (const _ of train(half, data, { ...runOptions, steps: 3 }));
  const file = (name: string) => join(folder.path, `${name}.safetensors`);
  writeSafetensors(file("half"), stateToTensors(half.state()));
  writeSafetensors(file("whole"), stateToTensors(whole.state()));
  const child = fileURLToPath(new URL("./testing/resume_child.ts", import.meta.url));
  execFileSync(process.execPath, ["run", "-A", child, folder.model, file("half"), file("resumed")]);
  assert.ok(readFileSync(file("resumed")).equals(readFileSync(file("whole"))));
});

Deno.test("all weights are written as a model that gives the same loss", async () => {
  using folder = new TinyT5();
  const data = copyTask(4);
  await using sft = await trainer(folder.model);
  await sft.update(data);
  const out = join(folder.path, "out");
  saveTrained(out, folder.model, sft);
  await using again = await trainer(out);
  assert.equal(await lossOf(again, data), await lossOf(sft, data));
  assert.deepEqual(openPolicyModel(out).config, openPolicyModel(folder.model).config);
  // Saving once more replaces the model.
  await sft.update(data);
  saveTrained(out, folder.model, sft);
  await using third = await trainer(out);
  assert.equal(await lossOf(third, data), await lossOf(sft, data));
});

Deno.test("an adapter is written as PEFT's folder", async () => {
  using folder = new TinyT5();
  await using sft = await trainer(folder.model, { lora });
  await sft.update(copyTask(4));
  const out = join(folder.path, "adapter");
  saveTrained(out, folder.model, sft);
  const { config, parameters } = readPeftAdapter(out, openPolicyModel(folder.model).layers);
  assert.deepEqual(config, lora);
  assert.deepEqual(parameters, sft.params);
});

Deno.test("no data, and a state of another model, are refused", async () => {
  using folder = new TinyT5();
  await using sft = await trainer(folder.model, { lora });
  await assert.rejects(sft.evaluate([]), /0 examples/);
  await assert.rejects(sft.update([]), /0 tokens/);
  await assert.rejects(
    async () => {
      for await (const _ of train(sft, copyTask(2), runOptions));
    },
    /batch of 4 rows from 2/,
  );
  await using all = await trainer(folder.model);
  assert.throws(() => sft.restore(all.state()), /learner's state/);
});
