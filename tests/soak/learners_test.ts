import assert from "node:assert/strict";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { randomKey, uniforms } from "@decorum/tensor";
import { ended, fixture } from "../../services/trainer/testing/fixture.ts";
import {
  algorithms,
  checkSame,
  LearnerProcesses,
  several,
  turmoil,
} from "../../services/trainer/testing/learners.ts";

const minutes = Number(process.env["DECORUM_SOAK_MINUTES"] ?? 2);

for (const [name, of] of Object.entries(algorithms)) {
  Deno.test(`${name}: 1, 2 and 3 learners elsewhere learn what one in the trainer does, to the bit`, () =>
    several(of(4)));

  Deno.test(`${name}: one learner is killed in mid-shard, one stops for 30 s, one joins, the run resumes with fewer`, () =>
    turmoil(of(30), { deadlineS: 10, stoppedMs: 20_000 }));

  Deno.test(`${name}: learners that are killed at random moments all the time change nothing`, async () => {
    await using all = await fixture();
    await using processes = new LearnerProcesses(all);
    const steps = Math.round(300 * minutes);
    const changes = of(steps);
    const whole = await all.finished("whole", changes);
    const learners = await processes.several(3);
    const trainer = all.trainer({
      ...changes,
      other: { ...changes.other, learners, learner_deadline_s: 10 },
    });
    await trainer.start({ runId: "r", configJson: "", resume: false });
    const seed = Date.now();
    let kills = 0;
    while (trainer.run("r").state === "STARTING" || trainer.run("r").state === "RUNNING") {
      const [pause, which] = uniforms(randomKey(seed, "kills"), 2 * kills++, 2);
      await sleep(2000 * pause!);
      await processes.restart(learners[Math.floor(which! * learners.length)]!);
    }
    console.log(`seed ${seed}: ${kills} kills in ${steps} steps`);
    assert.ok(kills > 1);
    checkSame(all, await ended(trainer, "r"), whole, "r");
  });
}
