import assert from "node:assert/strict";
import { linearSchedule } from "@decorum/optim";
import { float32, InputError } from "@decorum/tensor";
import { applyUpdate, initTrainState } from "./optimizer.ts";
import { stateFromTensors, stateToTensors } from "./learner_state.ts";

const params = new Map([["w", float32([2], [1, -1])], ["b", float32([1], [0])]]);
const grads = new Map([["w", float32([2], [3, 4])], ["b", float32([1], [0])]]);
const options = { learningRate: 0.1, maxGradNorm: Infinity };

Deno.test("an update moves parameters, counts itself and reports norm and learning rate", () => {
  const schedule = linearSchedule({ warmupSteps: 0, totalSteps: 2 });
  const first = applyUpdate(initTrainState(params), grads, 1, { ...options, schedule });
  assert.deepEqual(first.outcome, { applied: true, gradNorm: 5, learningRate: 0.1 });
  assert.equal(first.state.updates, 1);
  // Adam's first step is the learning rate against the sign of the gradient.
  assert.ok(Math.abs(first.state.params.get("w")!.data[0]! - 0.9) < 1e-4);
  assert.equal(params.get("w")!.data[0], 1);
  const second = applyUpdate(first.state, grads, 1, { ...options, schedule });
  assert.equal(second.outcome.learningRate, 0.05);
});

Deno.test("a loss or gradient that is not finite changes nothing, is counted and said", () => {
  const state = initTrainState(params);
  const nan = applyUpdate(state, grads, NaN, options);
  assert.equal(nan.outcome.applied, false);
  assert.match(nan.outcome.reason!, /The loss is NaN/);
  const infinite = new Map([...grads, ["b", float32([1], [Infinity])]]);
  const bad = applyUpdate(nan.state, infinite, 1, options);
  assert.match(bad.outcome.reason!, /gradient of "b" is Infinity at element 0/);
  assert.deepEqual(bad.state, { ...state, skipped: 2 });
});

Deno.test("an update that would overflow a parameter is skipped", () => {
  const { state, outcome } = applyUpdate(
    initTrainState(params),
    grads,
    1,
    { ...options, learningRate: 1e300 },
  );
  assert.match(outcome.reason!, /makes "w" -Infinity/);
  assert.equal(state.params, params);
});

Deno.test("weight decay: adamw shrinks the parameter, adam adds to the gradient", () => {
  const still = new Map([["w", float32([2], [0, 0])]]);
  const decay = { ...options, weightDecay: 0.5 };
  const w = applyUpdate(initTrainState(params), still, 1, { ...decay, algorithm: "adamw" });
  assert.ok(Math.abs(w.state.params.get("w")!.data[0]! - 0.95) < 1e-6);
  const l2 = applyUpdate(initTrainState(params), still, 1, decay);
  assert.ok(Math.abs(l2.state.params.get("w")!.data[0]! - 0.9) < 1e-4);
});

Deno.test("a state survives its tensors bit for bit; what does not fit is named", () => {
  const { state } = applyUpdate(initTrainState(params), grads, 1, options);
  const tensors = stateToTensors({ train: state, reference: undefined });
  assert.deepEqual(stateFromTensors(tensors, params), { train: state, reference: undefined });
  const without = (name: string) => new Map([...tensors].filter(([key]) => key !== name));
  assert.throws(() => stateFromTensors(without("updates"), params), /"updates" is missing/);
  assert.throws(() => stateFromTensors(without("param.b"), params), /"b" is missing/);
  assert.throws(() => stateFromTensors(without("adam.b.exp_avg"), params), InputError);
  const other = new Map([...params, ["w", float32([3], [1, 2, 3])]]);
  assert.throws(() => stateFromTensors(tensors, other), /expected float32 \[3\]/);
  const more = new Map([...tensors, ["x", float32([], [1])]]);
  assert.throws(() => stateFromTensors(more, params), /"x" has no meaning/);
});
