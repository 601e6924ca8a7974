import assert from "node:assert/strict";
import type { trainerV1 } from "@decorum/rpc";
import { followRun, type TrainerClient } from "./follow_run.ts";
import { away } from "./testing/fake_fleet.ts";

type Event = trainerV1.WatchMetricsResponse__Output;
type Run = trainerV1.Run__Output;

/** A trainer that plays one scene after another: steps that it tells of, then the run's state, or its own end. */
function fakeTrainer(scenes: (readonly [steps: readonly number[], then: Run["state"] | "away"])[]) {
  const asked: number[] = [];
  const resumed: boolean[] = [];
  let state: Run["state"] = "RUN_STATE_RUNNING";
  const trainer = {
    getRun: () => Promise.resolve({ run: { state, checkpointStep: 2 } as Run, configJson: "" }),
    startRun({ resume = false }) {
      resumed.push(resume);
      state = "RUN_STATE_RUNNING";
      return Promise.resolve({ run: null });
    },
    async *watchMetrics({ fromStep = 0 }) {
      asked.push(fromStep);
      const [steps, then] = scenes.shift()!;
      for (const step of steps) {
        if (step >= fromStep) yield await Promise.resolve({ step } as Event);
      }
      if (then === "away") throw away();
      state = then;
    },
  };
  return { trainer: trainer as unknown as TrainerClient, asked, resumed };
}

async function collect(events: AsyncGenerator<Event, Run>): Promise<[number[], Run["state"]]> {
  const steps: number[] = [];
  for (;;) {
    const next = await events.next();
    if (next.done) return [steps, next.value.state];
    steps.push(next.value.step);
  }
}

Deno.test("a run is followed to its end, whatever that is", async () => {
  for (
    const state of ["RUN_STATE_SUCCEEDED", "RUN_STATE_FAILED", "RUN_STATE_INTERRUPTED"] as const
  ) {
    const { trainer } = fakeTrainer([[[1, 2], state]]);
    assert.deepEqual(await collect(followRun(trainer, "r")), [[1, 2], state]);
  }
  const { trainer } = fakeTrainer([[[1], "away"]]);
  await assert.rejects(collect(followRun(trainer, "r")), /UNAVAILABLE/);
});

Deno.test("through restarts: the run is resumed, and each step is told once", async () => {
  const said: string[] = [];
  const { trainer, asked, resumed } = fakeTrainer([
    [[1, 2, 3], "away"],
    [[4], "RUN_STATE_INTERRUPTED"],
    [[3, 4, 5], "RUN_STATE_SUCCEEDED"],
  ]);
  const throughRestarts = (message: string) => void said.push(message);
  assert.deepEqual(await collect(followRun(trainer, "r", { throughRestarts })), [
    [1, 2, 3, 4, 5],
    "RUN_STATE_SUCCEEDED",
  ]);
  assert.deepEqual(asked, [1, 4, 5]);
  assert.deepEqual(resumed, [true]);
  assert.match(said.join("\n"), /run r is resumed from step 2/);
});
