import assert from "node:assert/strict";
import fixture from "./testdata/torch.json" with { type: "json" };
import { float32, int64, type Tensor } from "@decorum/tensor";
import {
  adam,
  type AdamOptions,
  adamStateFromTensors,
  adamStateToTensors,
  adamW,
  initAdam,
} from "./adam.ts";
import type { Params } from "./gradients.ts";

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

type Recorded = Readonly<Record<string, { dims: number[]; data: number[] }>>;

function tensorsOf(recorded: Recorded): Params {
  return new Map(Object.entries(recorded).map(([k, { dims, data }]) => [k, float32(dims, data)]));
}

// float32 rounds by at most 6e-8 of what it stores, once for every update and operand that cancels.
const TOLERANCE = 3e-7;

/** `scale` is the largest magnitude the tensor has had: what an update rounds relative to. */
function assertClose(
  found: Tensor<"float32"> | undefined,
  expected: readonly number[],
  scale = Math.max(...expected.map(Math.abs)),
) {
  assert.ok(found);
  assert.equal(found.data.length, expected.length);
  for (const [i, e] of expected.entries()) {
    const error: number = Math.abs(found.data[i]! - e) / scale;
    assert.ok(error <= TOLERANCE, `element ${i}: ${found.data[i]}, expected ${e}, scale ${scale}`);
  }
}

for (const recorded of fixture.adam) {
  const { optimizer, options } = recorded;
  Deno.test(`${optimizer} ${JSON.stringify(options)} equals torch.optim.${optimizer}`, () => {
    const update = optimizer === "AdamW" ? adamW : adam;
    let now = { params: tensorsOf(recorded.params), state: initAdam(tensorsOf(recorded.params)) };
    const scales = new Map<string, number>();
    const check = (what: string, found: Tensor<"float32"> | undefined, expected: number[]) => {
      const scale = Math.max(scales.get(what) ?? 0, ...expected.map(Math.abs));
      scales.set(what, scale);
      assertClose(found, expected, scale);
    };
    for (const step of recorded.steps) {
      const [beta1 = NaN, beta2 = NaN] = options.betas;
      const settings = {
        ...options,
        betas: [beta1, beta2],
        learningRate: step.learningRate,
      } as const;
      now = update(now.params, now.state, tensorsOf(step.grads), settings);
      for (const name of Object.keys(recorded.params) as (keyof typeof step.params)[]) {
        check(name, now.params.get(name), step.params[name]);
        check(`${name} m`, now.state.get(name)?.expAvg, step.exp_avg[name]);
        check(`${name} v`, now.state.get(name)?.expAvgSq, step.exp_avg_sq[name]);
      }
    }
  });
}

const one: Params = new Map([["w", float32([2], [1, -1])]]);
const grad: Params = new Map([["w", float32([2], [0.5, -4])]]);
const plain: AdamOptions = { learningRate: 0.1, eps: 0 };

Deno.test("without eps the first update moves every element by the learning rate", () => {
  const { params } = adam(one, initAdam(one), grad, plain);
  assertClose(params.get("w"), [0.9, -0.9]);
});

Deno.test("eps is 1e-5 by default", () => {
  const tiny = new Map([["w", float32([2], [1e-5, 1e-5])]]);
  const zero = new Map([["w", float32([2], [0, 0])]]);
  const { params } = adam(zero, new Map(), tiny, { learningRate: 1 });
  assertClose(params.get("w"), [-0.5, -0.5]);
});

Deno.test("Adam and AdamW are the same without weight decay, bit for bit", () => {
  assert.deepEqual(adam(one, new Map(), grad, plain), adamW(one, new Map(), grad, plain));
});

Deno.test("inputs are not changed", () => {
  const state = initAdam(one);
  adamW(one, state, grad, { learningRate: 1, weightDecay: 0.1 });
  assert.deepEqual(one.get("w"), float32([2], [1, -1]));
  assert.deepEqual(state, initAdam(one));
});

Deno.test("a parameter without a gradient keeps value and state", () => {
  const two: Params = new Map([...one, ["frozen", float32([1], [7])]]);
  const { params, state } = adamW(two, initAdam(two), grad, { ...plain, weightDecay: 0.5 });
  assert.equal(params.get("frozen"), two.get("frozen"));
  assert.equal(state.get("frozen")?.step, 0);
  assert.equal(state.get("w")?.step, 1);
});

Deno.test("a gradient of another shape or of no parameter is refused", () => {
  assert.throws(() => adam(one, new Map(), new Map([["w", float32([1], [1])]]), plain), {
    name: "InputError",
    message: 'The gradient of "w" is float32 [1]: expected float32 [2], the parameter\'s shape',
  });
  assert.throws(() => adam(one, new Map(), new Map([["x", float32([2], [1, 1])]]), plain), {
    name: "InputError",
    message: 'Gradient "x" belongs to none of the 1 trained parameters',
  });
});

Deno.test("a state of another shape is refused", () => {
  const state = initAdam(new Map([["w", float32([3], [0, 0, 0])]]));
  assert.throws(() => adam(one, state, grad, plain), {
    name: "InputError",
    message: /The Adam state expAvg of "w" is float32 \[3\]: expected float32 \[2\]/,
  });
});

Deno.test("options out of range are refused by name", () => {
  for (
    const [options, message] of [
      [{ learningRate: -1 }, /learningRate is -1/],
      [{ learningRate: NaN }, /learningRate is NaN/],
      [{ learningRate: 1, eps: -1 }, /eps is -1/],
      [{ learningRate: 1, weightDecay: Infinity }, /weightDecay is Infinity/],
      [
        { learningRate: 1, betas: [0.9, 1] },
        /betas is \[0.9,1\]: expected two numbers in \[0, 1\)/,
      ],
    ] as const
  ) {
    assert.throws(() => adam(one, new Map(), grad, options), { name: "InputError", message });
  }
});
