import assert from "node:assert/strict";
import { float32, int64 } from "@decorum/tensor";
import { adamW } from "./adam.ts";
import { adamStateFromTensors, adamStateToTensors, initAdam } from "./adam_state.ts";
import type { Params } from "./params.ts";

const params: Params = new Map([
  ["a", float32([2, 2], [1, 2, 3, 4])],
  ["v_head.summary.bias", float32([1], [0.1])],
]);
const grads = (step: number): Params =>
  new Map(
    Array.from(params, ([name, { dims, data }]) => [
      name,
      float32(dims, data.map((x, i) => Math.sin(step + i + x))),
    ]),
  );
const options = { learningRate: 0.01, weightDecay: 0.01 };

function run(
  now: { params: Params; state: ReturnType<typeof initAdam> },
  from: number,
  to: number,
) {
  for (let step = from; step < to; step++) now = adamW(now.params, now.state, grads(step), options);
  return now;
}

Deno.test("a run saved and resumed equals an uninterrupted one, bit for bit", () => {
  const start = { params, state: initAdam(params) };
  const whole = run(start, 0, 7);
  const half = run(start, 0, 3);
  const saved = structuredClone(adamStateToTensors(half.state));
  const resumed = { params: half.params, state: adamStateFromTensors(half.params, saved) };
  assert.deepEqual(run(resumed, 3, 7), whole);
});

Deno.test("the state is saved under PyTorch's words", () => {
  const saved = adamStateToTensors(initAdam(new Map([["a", float32([1], [1])]])));
  assert.deepEqual([...saved.keys()], ["a.step", "a.exp_avg", "a.exp_avg_sq"]);
});

Deno.test("what does not fit the parameters is refused", () => {
  const saved = () => adamStateToTensors(initAdam(params));
  const refuses = (
    change: (t: ReturnType<typeof saved>) => void,
    name: string,
    message: RegExp,
  ) => {
    const tensors = saved();
    change(tensors);
    assert.throws(() => adamStateFromTensors(params, tensors), { name, message });
  };
  refuses((t) => t.delete("a.exp_avg"), "InputError", /No Adam state for "a.exp_avg"/);
  refuses((t) => t.delete("a.step"), "InputError", /"a.step" is missing: expected an int64 scalar/);
  refuses((t) => t.set("a.step", int64([], [-1])), "InputError", /"a.step" is -1/);
  refuses((t) => t.set("a.step", float32([], [1])), "InputError", /"a.step" is float32 \[\]/);
  refuses(
    (t) => t.set("a.exp_avg", float32([4], [1, 2, 3, 4])),
    "InputError",
    /"a.exp_avg" is float32 \[4\]: expected float32 \[2,2\]/,
  );
  refuses((t) => t.set("b.step", int64([], [1])), "InputError", /tensor "b.step" belongs to none/);
});
