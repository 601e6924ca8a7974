import assert from "node:assert/strict";
import { unavailable } from "@decorum/rpc";
import { createMetrics } from "@decorum/telemetry";
import { initAdapter, initValueHead, openPolicyModel } from "@decorum/models";
import { baseModelHash } from "@decorum/models";
import { join } from "node:path";
import { Policies, type Waiting, weightsImage } from "@decorum/fleet";
import type { GenerationRequest } from "@decorum/algorithms";
import { rollout } from "./rollout.ts";
import { loraConfigOf } from "@decorum/settings";
import { settings } from "../testing/fixture.ts";
import type { FakePolicy } from "@decorum/testing/policy";
import { startTinyPolicy } from "../testing/policy_server.ts";
import { writeTinyT5 } from "../testing/tiny_model.ts";
import { TemporaryFolder } from "@decorum/testing/folder";

/** Policies behind one name, which a test changes as a headless Service does. */
async function behindOneName(count: number) {
  const folder = new TemporaryFolder();
  const model = join(folder.path, "model");
  writeTinyT5(model);
  const lora = loraConfigOf(settings(folder.path));
  const { config, layers } = openPolicyModel(model);
  const replicas: FakePolicy[] = [];
  for (let i = 0; i < count; i++) replicas.push(await startTinyPolicy(model, lora));
  const present: string[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  const waiting: Waiting = {
    stop: stop.signal,
    cancel: stop.signal,
    say: (message) => void said.push(message),
    backoff: { firstMs: 20, longestMs: 100 },
  };
  const parameters = new Map([
    ...initAdapter(lora, layers, 1),
    ...initValueHead(config.hidden_size),
  ]);
  const image = (version: number) => weightsImage("r", version, parameters, lora);
  const hash = await baseModelHash(model);
  const open = (admit?: () => Promise<void>) =>
    new Policies({
      addresses: ["policy:50051"],
      security: () => ({}),
      metrics: createMetrics({ service: "trainer", version: "test" }),
      lookup: () => Promise.resolve([...present]),
      refreshMs: 20,
      ...(admit ? { admit } : {}),
    }, hash);
  return {
    ...{ replicas, present, said, waiting, image, open },
    async [Symbol.asyncDispose]() {
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** Groups of two prompts. */
const groups = Array.from(
  { length: 6 },
  (_, g) =>
    [0, 1].map((i): GenerationRequest => ({
      key: `${g}/${i}`,
      ids: [5 + g, 7, 1],
      maxNewTokens: 4,
    })),
);

const sampling = {
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_new_tokens: 0,
  max_new_tokens: 4,
};
const drawn = { sampling, seed: 3, values: true, sharePrompts: false };

Deno.test("who joins in the middle of a rollout gets weights and work; the group of who leaves goes elsewhere", async () => {
  await using all = await behindOneName(3);
  const [first, second, third] = all.replicas;
  using policies = all.open();
  all.present.push(first!.address);
  await policies.publish(all.image(1), all.waiting);
  const alone = await rollout(policies, groups, drawn, all.waiting);

  // The first takes a group and keeps it; the second joins; the first leaves with its group; the third joins late.
  const held = Promise.withResolvers<void>();
  let taken = 0;
  first!.faults.generate = () => {
    taken++;
    all.present.push(second!.address);
    return held.promise;
  };
  second!.faults.generate = () => {
    if (second!.groups.length === 2) all.present.push(third!.address);
    if (second!.groups.length !== 3) return;
    all.present.splice(0, all.present.length, second!.address, third!.address);
  };
  const shared = await rollout(policies, groups, drawn, all.waiting);
  held.resolve();
  assert.deepEqual(shared, alone);
  assert.equal(taken, 1);
  assert.equal(second!.groups.length + third!.groups.length, groups.length);
  assert.deepEqual(second!.held("r"), { newest: 1, start: false });
  assert.deepEqual(all.said, []);
});

Deno.test("weights are pushed to those that are there; one that is away gets them before its next group", async () => {
  await using all = await behindOneName(2);
  const [there, away] = all.replicas;
  all.present.push(there!.address, away!.address);
  using policies = all.open();
  away!.faults.begin = () => {
    throw unavailable("its link is cut", -1);
  };
  await policies.publish(all.image(1), all.waiting);
  assert.equal(there!.held("r").newest, 1);
  assert.match(all.said.join("\n"), /continuing without policy .*its link is cut/);
  delete away!.faults.begin;
  there!.faults.generate = async () => {
    while (away!.groups.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await rollout(policies, groups, drawn, all.waiting);
  assert.match(all.said.at(-1)!, /policy .* is back after/);
  assert.deepEqual([there, away].map((one) => one!.held("r").newest), [1, 1]);
});

Deno.test("one that joins and does not fit is left out, and none that fits is an error", async () => {
  await using all = await behindOneName(2);
  const [first, second] = all.replicas;
  let fits = true;
  using policies = all.open(() =>
    fits ? Promise.resolve() : Promise.reject(new Error("Policy serves another model"))
  );
  all.present.push(first!.address);
  await policies.publish(all.image(1), all.waiting);
  fits = false;
  all.present.push(second!.address);
  await policies.publish(all.image(2), all.waiting);
  assert.deepEqual(all.said, [
    `policy ${second!.address} is left out: Policy serves another model`,
  ]);
  assert.equal((await rollout(policies, groups, drawn, all.waiting)).length, groups.length);
  assert.equal(second!.groups.length, 0);
  all.present.shift();
  await assert.rejects(
    rollout(policies, groups, drawn, all.waiting),
    /No policy fits: Policy serves another model/,
  );
});
