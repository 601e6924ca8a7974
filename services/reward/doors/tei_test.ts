import assert from "node:assert/strict";
import {
  createClient,
  rewardService,
  RpcError,
  teiInfoService,
  teiPredictService,
} from "@decorum/rpc";
import { LABELS, POSITIONS } from "@decorum/testing/classifier";
import { openReward } from "../testing/open_reward.ts";

async function open() {
  const reward = await openReward();
  const options = { address: reward.server.address };
  const info = createClient(teiInfoService, options);
  const predict = createClient(teiPredictService, options);
  const typed = createClient(rewardService, options);
  return {
    info,
    predict,
    typed,
    async [Symbol.asyncDispose]() {
      for (const client of [info, predict, typed]) client.close();
      await reward[Symbol.asyncDispose]();
    },
  };
}

const refused = (text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError, `${error}`);
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.match(error.details, text);
  return true;
};

Deno.test("tei: predictions are all labels with their scores, the highest first", async () => {
  await using tei = await open();
  const { results: [expected] } = await tei.typed.score({ items: [{ response: "you fool" }] });
  const raw = await tei.predict.predict({ inputs: "you fool", rawScores: true });
  const ordered = [...expected!.logits].sort((a, b) => b - a);
  assert.deepEqual(raw.predictions.map(({ score }) => score), ordered);
  assert.deepEqual(
    raw.predictions.map(({ label }) => LABELS.indexOf(label)),
    ordered.map((score) => expected!.logits.indexOf(score)),
  );
  const soft = await tei.predict.predict({ inputs: "you fool" });
  assert.deepEqual(
    soft.predictions.map(({ score }) => score),
    [...expected!.probabilities].sort((a, b) => b - a),
  );
  assert.equal(soft.metadata?.computeChars, 8);
  assert.equal(soft.metadata?.computeTokens, expected!.tokens);
  assert.ok(soft.metadata!.totalTimeNs >= soft.metadata!.inferenceTimeNs);
});

Deno.test("tei: pairs, and texts that are cut only when asked", async () => {
  await using tei = await open();
  const [query, response] = ["b".repeat(40), "you fool"];
  const { results: [expected] } = await tei.typed.score({
    items: [{ query, response }],
    truncate: true,
  });
  const pair = await tei.predict.predictPair({
    inputs: [query, response],
    truncate: true,
    rawScores: true,
  });
  assert.equal(pair.predictions[0]!.score, Math.max(...expected!.logits));
  assert.equal(pair.metadata?.computeTokens, POSITIONS);
  const single = await tei.predict.predictPair({ inputs: [response], rawScores: true });
  const alone = await tei.predict.predict({ inputs: response, rawScores: true });
  assert.deepEqual(single.predictions, alone.predictions);
  await assert.rejects(
    tei.predict.predictPair({ inputs: [query, response] }),
    refused(/inputs: it has 50 tokens, at most 32 are allowed/),
  );
});

Deno.test("tei: bad inputs are refused in the words of the original", async () => {
  await using tei = await open();
  const { predict } = tei;
  await assert.rejects(predict.predict({ inputs: "" }), refused(/`inputs` cannot be empty/));
  await assert.rejects(
    predict.predictPair({ inputs: ["a", "b", "c"] }),
    refused(/must have a single or two elements. Given: 3/),
  );
  await assert.rejects(predict.predictPair({}), refused(/Given: 0/));
  await assert.rejects(
    predict.predict({
      inputs: "a",
      truncate: true,
      truncationDirection: "TRUNCATION_DIRECTION_LEFT",
    }),
    refused(/leave truncation_direction out/),
  );
});

Deno.test("tei: streams answer in order and end with the first that fails", async () => {
  await using tei = await open();
  const inputs = Array.from({ length: 40 }, (_, i) => "ab ".repeat(1 + i % 5));
  const found = [];
  for await (const answer of tei.predict.predictStream(inputs.map((text) => ({ inputs: text })))) {
    found.push(answer.metadata?.computeChars);
  }
  assert.deepEqual(found, inputs.map(({ length }) => length));
  const seen: number[] = [];
  await assert.rejects(async () => {
    const pairs = [{ inputs: ["a", "b"] }, { inputs: [] }];
    for await (const { predictions } of tei.predict.predictPairStream(pairs)) {
      seen.push(predictions.length);
    }
  }, refused(/Given: 0/));
  assert.ok(seen.length <= 1);
});

Deno.test("tei: info says what is served and its limits", async () => {
  await using tei = await open();
  const { modelVersion } = await tei.typed.getInfo({});
  const info = await tei.info.info({});
  assert.equal(info.modelSha, modelVersion);
  assert.equal(info.modelType, "MODEL_TYPE_CLASSIFIER");
  assert.equal(info.modelDtype, "float32");
  assert.equal(info.maxInputLength, POSITIONS);
  assert.equal(info.maxClientBatchSize, 32);
});
