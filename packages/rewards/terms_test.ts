import assert from "node:assert/strict";
import { retry } from "@decorum/async";
import {
  createClient,
  createServer,
  implement,
  rewardService,
  RpcError,
  unavailable,
} from "@decorum/rpc";
import type { RewardCall } from "./source.ts";
import { createLogger } from "@decorum/telemetry";
import { rewardTerms } from "./settings.ts";
import { Terms } from "./terms.ts";

const batch = {
  prompts: ["p0 ", "p1 ", "p2 "],
  responses: ["a", "bb", "ccc"],
  references: ["a", null, "b"],
  rows: [{}, {}, {}],
};
const call: RewardCall = {
  signal: new AbortController().signal,
  say: () => {},
  persist: (_, call) => retry(call, { mayPass: (error) => error instanceof RpcError }),
};

/** A reward service whose logits are the lengths of response and query. */
async function serving() {
  const seen: number[] = [];
  let first = true;
  const server = await createServer({
    address: "127.0.0.1:0",
    logger: createLogger({ service: "test", write: () => {} }),
    services: [
      implement(rewardService, {
        score({ items, label, asSent }) {
          if (first) {
            first = false;
            throw unavailable("loading", 10);
          }
          assert.ok(asSent);
          seen.push(items.length);
          return Promise.resolve({
            results: items.map(({ id, response, query }) => ({
              ...{ id, score: response.length, tokens: 1 },
              logits: [response.length, query?.length ?? 0],
              probabilities: [0.75, 0.25],
            })),
            ...{ labels: ["civil", "rude"], label: label || "civil", modelVersion: "v1" },
          });
        },
        async *scoreStream() {},
        getInfo: () => Promise.resolve({ modelVersion: "v1" }),
      }),
    ],
  });
  server.setServing(true);
  const client = createClient(rewardService, { address: `127.0.0.1:${server.port}` });
  return {
    ...{ client, seen },
    async [Symbol.asyncDispose]() {
      client.close();
      await server.drain({ delayMs: 0, graceMs: 0 });
    },
  };
}

Deno.test("terms of several sources, each under its name; the first classifier says toxicity", async () => {
  await using service = await serving();
  const configs = rewardTerms.parse([
    { name: "civil", kind: "classifier", label: "civil" },
    {
      name: "both",
      kind: "classifier",
      expression: '2 "civil" - "rude"',
      input: "pair",
      weight: 0.5,
    },
    { name: "sure", kind: "classifier", expression: '"civil" - "rude"', activation: "probability" },
    { name: "short", kind: "length", unit: "characters", target: 1 },
    { name: "same", kind: "rouge", type: "rouge1" },
  ]);
  await using terms = Terms.open(configs, { clientOf: () => service.client, groupSize: 2 });
  const { terms: scored, otherProbability } = await terms.score(batch, call);
  assert.deepEqual(scored.map(({ name, weight, scores }) => [name, weight, scores]), [
    ["civil", 1, [1, 2, 3]],
    ["both", 0.5, [-1, 1, 3]],
    ["sure", 1, [0.5, 0.5, 0.5]],
    ["short", 1, [0, -1, -2]],
    ["same", 1, [1, null, 0]],
  ]);
  assert.deepEqual(otherProbability, [0.25, 0.25, 0.25]);
  assert.deepEqual(service.seen.sort(), [1, 1, 1, 2, 2, 2], "requests of at most groupSize");
});

Deno.test("the version of one classifier is its model's; of several terms it follows each", async () => {
  await using service = await serving();
  const versionOf = async (...configs: unknown[]) => {
    const options = { clientOf: () => service.client, groupSize: 2 };
    await using terms = Terms.open(rewardTerms.parse(configs), options);
    return await terms.version(call);
  };
  const civil = { name: "civil", kind: "classifier" };
  const short = { name: "short", kind: "length", target: 3 };
  assert.equal(await versionOf(civil), "v1");
  assert.equal(await versionOf(civil, short), await versionOf(civil, short));
  assert.notEqual(await versionOf(civil, short), await versionOf(civil, { ...short, target: 4 }));
  assert.notEqual(await versionOf(civil, short), await versionOf(civil, { ...short, weight: 2 }));
});

Deno.test("an unknown label is refused by term and label", async () => {
  await using service = await serving();
  const configs = rewardTerms.parse([{ name: "x", kind: "classifier", expression: '-"toxic"' }]);
  await using terms = Terms.open(configs, { clientOf: () => service.client, groupSize: 8 });
  await assert.rejects(
    terms.score(batch, call),
    /^RewardError: Reward "x": .*no label "toxic"; the labels are "civil", "rude"/,
  );
});

Deno.test("settings of terms are checked, all at once", () => {
  const { error } = rewardTerms.safeParse([
    { name: "a", kind: "classifier", label: "x", expression: '"y"' },
    { name: "a", kind: "classifier", expression: "toxic" },
    { name: "b", kind: "regex", pattern: "(" },
    { name: "c d", kind: "rouge" },
    { name: "e", kind: "code", module: "x.ts", allow: { write: ["/"] } },
    { name: "f", kind: "magic" },
  ]);
  const found = error!.issues.map(({ path }) => path.join("."));
  assert.deepEqual(
    ["0.expression", "1.expression", "2.pattern", "3.name", "4.allow", "5.kind"].filter((path) =>
      !found.includes(path)
    ),
    [],
    JSON.stringify(error!.issues),
  );
});
