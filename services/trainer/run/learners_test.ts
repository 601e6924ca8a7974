import assert from "node:assert/strict";
import { join } from "node:path";
import { baseModelHash } from "@decorum/models";
import { createServer, implement, learnerService } from "@decorum/rpc";
import { arithmeticOf } from "@decorum/runtime";
import { createLogger } from "@decorum/telemetry";
import { ended, fixture } from "../testing/fixture.ts";
import {
  algorithms,
  checkSame,
  LearnerProcesses,
  reached,
  several,
  turmoil,
} from "../testing/learners.ts";
import { writeTinyT5 } from "../testing/tiny_model.ts";

Deno.test("1, 2 and 3 learners elsewhere learn what one in the trainer does, to the bit, with the exact KL too", () =>
  several({ ppo: { ...algorithms.ppo(2).ppo, kl_penalty: "full" } }));

for (const [name, of] of Object.entries(algorithms)) {
  Deno.test(`${name}: one learner is killed in mid-shard, one stops, one joins, the run resumes with fewer: nothing changes`, () =>
    turmoil(of(12)));
}

Deno.test("a run continues from a checkpoint with more learners, and then with none", async () => {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const changes = { ppo: { steps: 9 } };
  const whole = await all.finished("whole", changes);
  const learners = await processes.several(2);
  for (const [step, count] of [[2, 1], [4, 2]] as const) {
    const part = all.trainer({ ...changes, other: { learners: learners.slice(0, count) } });
    await part.start({ runId: "r", configJson: "", resume: count > 1 });
    await reached(part, "r", step);
    await part.close();
  }
  const last = all.trainer(changes);
  await last.start({ runId: "r", configJson: "", resume: true });
  checkSame(all, await ended(last, "r"), whole, "r");
});

Deno.test("a learner that computes with something else is left out by name, or taken and noted", async () => {
  await using all = await fixture();
  await using processes = new LearnerProcesses(all);
  const other = join(all.folder, "other");
  writeTinyT5(other, 2);
  const [same, threads, model] = await Promise.all([
    processes.start(),
    processes.start(undefined, "learner.threads=2"),
    processes.start(undefined, `model.name_or_path=${other}`),
  ]);
  await using processor = await otherProcessor(join(all.folder, "model"));
  const whole = await all.finished("whole", {});
  const learners = [same, threads, model, processor.address];
  const found = await all.finished("r", { other: { learners } });
  checkSame(all, found, whole, "r");
  const left = found.messages.filter((message) => message.includes("left out")).join("\n");
  const hash = await baseModelHash(other);
  assert.match(left, new RegExp(`learner ${threads} is left out: threads 2, expected 1`));
  assert.match(left, new RegExp(`learner ${model} is left out: its base model is ${hash}`));
  assert.match(left, new RegExp(`learner ${processor.address} is left out: cpu another, expected`));

  const none = await all.finished("none", { other: { learners: [threads] } });
  assert.equal(none.run.state, "FAILED");
  assert.match(none.run.message, /No learner fits: threads 2, expected 1/);
  const taken = await all.finished("taken", {
    other: { learners: [threads], allow_different_learners: true },
  });
  assert.equal(taken.run.state, "SUCCEEDED", taken.run.message);
  assert.match(taken.messages.join("\n"), /computes with threads 2, expected 1/);
});

/** What says of itself that it is a learner with a processor of another kind; it can do nothing else. */
async function otherProcessor(model: string): Promise<{ address: string } & AsyncDisposable> {
  const logger = createLogger({ service: "learner", write: () => {} });
  const machine = { ...await arithmeticOf({ intraOpThreads: 1 }), cpu: "another" };
  const hash = await baseModelHash(model);
  const nothing = () => Promise.reject(new Error("internal: it does not fit"));
  const service = implement(learnerService, {
    getInfo: () =>
      Promise.resolve({ baseModelHash: hash, machine, runId: "", program: "", weights: [] }),
    ...{ load: nothing, putWeights: nothing, release: nothing },
    run: () => {
      throw new Error("internal: it does not fit");
    },
  });
  const server = await createServer({ address: "127.0.0.1:0", services: [service], logger });
  server.setServing(true);
  return {
    address: server.address,
    async [Symbol.asyncDispose]() {
      await server.drain({ graceMs: 0 });
    },
  };
}
