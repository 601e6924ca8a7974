import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { Scorer, type ScoringModel } from "./scorer.ts";

/** A model that notes its batches; an item's logit is its first id. */
function fakeModel(hold: Promise<void> = Promise.resolve()) {
  const batches: number[][] = [];
  const model: ScoringModel = {
    packed: false,
    alive: true,
    async logits(items) {
      batches.push(items.map(({ ids }) => ids.length));
      await hold;
      return items.map(({ ids }) => Float32Array.of(ids[0]!));
    },
    reload: () => Promise.resolve(),
  };
  return { model, batches };
}

/** A scorer, and which of its models are in use. */
function open() {
  const retained: ScoringModel[] = [];
  const metrics = createMetrics({ service: "test", version: "0" });
  const scorer = new Scorer({
    limits: {
      ...{ maxRows: 8, maxTokens: 40, maxDelayMs: 5 },
      ...{ counted: "items", maxWaiting: 100, maxWaitingTokens: 1000 },
    },
    retain(model) {
      retained.push(model);
      return { [Symbol.dispose]: () => void retained.splice(retained.indexOf(model), 1) };
    },
    metrics,
    logger: createLogger({ service: "test", write: () => {} }),
  });
  const score = (
    model: ScoringModel,
    lengths: readonly number[],
    { asSent = false, signal = new AbortController().signal } = {},
  ) => {
    const items = lengths.map((length, i) => ({
      ids: [i, ...Array<number>(length - 1).fill(0)],
      truncated: 0,
    }));
    const caller = { signal, deadline: Infinity, wait: false };
    return scorer.score({ model, items, asSent }, caller).then(({ logits }) => logits);
  };
  return { scorer, score, retained, metrics };
}

Deno.test("requests of many callers run together, by length; each gets its own answers in order", async () => {
  const { scorer, score, metrics } = open();
  const { model, batches } = fakeModel();
  const answers = await Promise.all([
    score(model, [3, 20, 4]),
    score(model, [4]),
    score(model, [19, 2]),
  ]);
  // Of 40 padded tokens: the oldest item has length 3; 19 and 20 come together in a second batch.
  assert.deepEqual(batches, [[2, 3, 4, 4], [19, 20]]);
  assert.deepEqual(answers.map((rows) => rows.map(([x]) => x)), [[0, 1, 2], [0], [0, 1]]);
  const { body } = await metrics.render();
  assert.match(body, /decorum_batch_tokens_total\{queue="score",kind="real"\} 52/);
  assert.match(body, /decorum_batch_tokens_total\{queue="score",kind="padding"\} 4/);
  await scorer.batcher.stop();
});

Deno.test("a group to be executed as sent is one batch, over the limits too, and nothing joins it", async () => {
  const { scorer, score } = open();
  const { model, batches } = fakeModel();
  const others = [score(model, [5]), score(model, [5])];
  const group = score(model, [9, 5, 30, 5], { asSent: true });
  const rows = (await Promise.all([group, ...others, score(model, [6])]))[0];
  assert.deepEqual(batches, [[5, 5, 6], [9, 5, 30, 5]]);
  assert.deepEqual(rows!.map(([x]) => x), [0, 1, 2, 3]);
  await scorer.batcher.stop();
});

Deno.test("batches are of one model; each has statistics of its own", async () => {
  const { scorer, score } = open();
  const [old, next] = [fakeModel(), fakeModel()];
  const count = (model: ScoringModel) =>
    [...scorer.statisticsOf(model).batches].map(([size, { count }]) => [size, count]);
  await Promise.all([score(old.model, [6]), score(next.model, [6]), score(old.model, [6, 7])]);
  await score(old.model, [4]);
  assert.deepEqual(old.batches, [[6, 6, 7], [4]]);
  assert.deepEqual(next.batches, [[6]]);
  assert.deepEqual(count(old.model), [[3, 1], [1, 1]]);
  assert.deepEqual(count(next.model), [[1, 1]]);
  await scorer.batcher.stop();
});

Deno.test("a model is in use until its batch ends, when its callers have gone too", async () => {
  const { scorer, score, retained } = open();
  const hold = Promise.withResolvers<void>();
  const { model, batches } = fakeModel(hold.promise);
  const gone = new AbortController();
  const left = assert.rejects(score(model, [5], { signal: gone.signal }), /gone/);
  while (batches.length === 0) await sleep(1);
  gone.abort(new Error("gone"));
  await left;
  assert.deepEqual(retained, [model]);
  hold.resolve();
  await scorer.batcher.stop();
  assert.deepEqual(retained, []);
});
