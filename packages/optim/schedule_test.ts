import assert from "node:assert/strict";
import { constantSchedule, linearSchedule } from "./schedule.ts";
import fixture from "./testdata/torch.json" with { type: "json" };

for (const { name, options, factors } of fixture.schedule) {
  Deno.test(`equals transformers.${name}(${JSON.stringify(options)})`, () => {
    const warmupSteps = options.num_warmup_steps;
    const totalSteps = options.num_training_steps;
    const schedule = totalSteps === undefined
      ? constantSchedule({ warmupSteps })
      : linearSchedule({ warmupSteps, totalSteps });
    assert.deepEqual(factors.map((_, step) => schedule(step)), factors);
  });
}

Deno.test("without warm-up the factor is 1 from the start", () => {
  assert.deepEqual([0, 1, 1000].map(constantSchedule()), [1, 1, 1]);
  assert.equal(linearSchedule({ totalSteps: 5 })(0), 1);
});

Deno.test("what is no count of steps is refused by name", () => {
  assert.throws(() => constantSchedule({ warmupSteps: -1 }), /warmupSteps is -1/);
  assert.throws(() => linearSchedule({ totalSteps: 1.5 }), /totalSteps is 1.5/);
  assert.throws(() => linearSchedule({ warmupSteps: 6, totalSteps: 5 }), /more than totalSteps 5/);
  assert.throws(() => constantSchedule()(NaN), /step is NaN/);
});
