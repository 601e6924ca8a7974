import assert from "node:assert/strict";
import { storeSource, trainerControls, trainerSource } from "@decorum/ui";
import { ended, fixture, overRpc } from "./testing/fixture.ts";

Deno.test("a page hears over the trainer's API what it would read in its folder", async () => {
  await using all = await fixture();
  const trainer = all.trainer({ ppo: { steps: 3 } });
  await trainer.start({ runId: "r", configJson: "", resume: false });
  await ended(trainer, "r");
  const result = {
    ...{ toxicity: null, judge: null, rouge_l: null, kl: 0.5, samples: [] },
    ...{ distinct2: { before: 0.1, after: 0.2 }, toxicities: { before: [0.25], after: [] } },
    length: { before: { mean: 3, std: 1 }, after: { mean: 4, std: 1 } },
    rewards: [{
      ...{ name: "brief", weight: 2, n: 0, before: null, after: null, difference: null },
      ci95: null,
    }],
    reward: null,
  };
  trainer.store.addEvaluation("r", { step: 3, unixMs: 7, result });
  await using rpc = await overRpc(trainer);
  using far = trainerSource(rpc.client);
  using near = storeSource(trainer.store.folder);

  assert.deepEqual(await far.runs(), await near.runs());
  const run = await near.run("r");
  assert.deepEqual(await far.run("r"), run);
  assert.equal(run?.state, "SUCCEEDED");
  const query = { names: ["objective/kl", "eval/none"], points: 2 };
  const curves = await near.curves("r", query);
  assert.deepEqual(await far.curves("r", query), curves);
  assert.deepEqual([curves.width, curves.steps], [2, [2, 3]]);
  assert.deepEqual(await far.samples("r", 2), await near.samples("r", 2));
  assert.equal((await far.samples("r", 2)).length, 4);
  assert.deepEqual(await far.evaluations("r"), [{ step: 3, unixMs: 7, result }]);
  const events = await near.events("r");
  assert.deepEqual(await far.events("r"), events);
  const pushes = events.filter(({ kind }) => kind === "push").map(({ message }) => message);
  assert.deepEqual(pushes.map((message) => message.replace(/ in .*/, "")), [
    ...["version 1", "version 2", "version 3", "version 4"],
  ]);
  assert.equal(events.filter(({ kind }) => kind === "checkpoint").length, 3);
  assert.equal(events.at(-1)?.message, "SUCCEEDED");
  assert.equal(await far.run("none"), undefined);
  await assert.rejects(trainerControls(rpc.client).stop("r"), /is not active in this trainer/);
});
