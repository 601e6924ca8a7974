import assert from "node:assert/strict";
import { float32, int64 } from "@decorum/tensor";
import fc from "fast-check";
import { type Dim, evaluateDim, GraphBuilder, type Shape, type Value } from "../mod.ts";
import * as ops from "./mod.ts";
import { sliceDim } from "./segment.ts";

function inputs(...shapes: Shape[]): Value[] {
  const g = new GraphBuilder("g");
  return shapes.map((shape, i) => g.input(`x${i}`, "float32", shape));
}

const bound = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(2 ** 31 - 1, -(2 ** 31)));

Deno.test("a slice of a number has the length that counting gives", () => {
  fc.assert(
    fc.property(fc.nat(6), bound, bound, fc.constantFrom(-3, -1, 1, 2), (n, start, end, step) => {
      const from = (b: number) => (b < 0 ? b + n : b);
      const stop = from(end);
      let [i, count] = [from(start), 0];
      i = step > 0 ? Math.max(i, 0) : Math.min(i, n - 1);
      for (; step > 0 ? i < Math.min(stop, n) : i > Math.max(stop, -1); i += step) count++;
      assert.equal(sliceDim(n, start, end, step), count);
    }),
  );
});

Deno.test("a slice of a symbol agrees with the slice of any size large enough", () => {
  fc.assert(fc.property(fc.integer({ min: 20, max: 30 }), bound, bound, (n, start, end) => {
    const symbolic = sliceDim("n", start, end, 1);
    fc.pre(symbolic !== undefined);
    const size = evaluateDim(symbolic!, new Map([["n", n]]));
    assert.equal(Math.max(0, size!), sliceDim(n, start, end, 1));
  }));
  assert.equal(sliceDim("n", 0, 512, 1), undefined);
  assert.equal(sliceDim("n", 0, "m+1", 1), "m+1");
  assert.equal(sliceDim("n", 2, -1, 1), "n-3");
});

Deno.test("reshape: symbols flatten, divide and copy", () => {
  const cases: [Shape, number[], Dim[]][] = [
    [["b", "s", 64], [-1, 64], ["b*s", 64]],
    [["b", "s", 768], [0, 0, 12, 64], ["b", "s", 12, 64]],
    [["b", "s", 768], [0, 0, 12, -1], ["b", "s", 12, 64]],
    [["b*s", 64], [-1, 32], ["2*b*s", 32]],
    [["b", "past+1", 8], [0, -1, 4], ["b", "2*past+2", 4]],
    [["b", "s"], [1, -1], [1, "b*s"]],
    [["b", 1], [-1], ["b"]],
    [[2, 3, 4], [4, -1], [4, 6]],
    [[], [1, 1], [1, 1]],
  ];
  for (const [shape, sizes, expected] of cases) {
    assert.deepEqual(ops.reshape(inputs(shape)[0]!, sizes).shape, expected);
  }
  assert.match(String(ops.reshape(inputs(["b", 3])[0]!, [-1, 2]).shape[0]), /^\?\d+$/);
  const refuses = (shape: Shape, sizes: number[], message: RegExp) =>
    assert.throws(() => ops.reshape(inputs(shape)[0]!, sizes), message);
  refuses([2, 3], [4, -1], /6 elements do not fit/);
  refuses([2, 3], [7], /6 elements do not fit/);
  refuses(["b", 64], [0, 32], /64\*b elements do not fit/);
  refuses(["b"], [-1, -1], /two -1/);
  refuses(["b"], [1, 0], /0 at 1 of the shape copies no dimension/);
});

Deno.test("shape arithmetic of the graph is followed", () => {
  const g = new GraphBuilder("g");
  const [x, y] = [g.input("x", "float32", ["b", "s", 12]), g.input("y", "float32", ["t"])];
  const shape = ops.shapeOf(x);
  const length = ops.gather(shape, 1);
  const rows = ops.mul(ops.gather(shape, 0), length);
  const vector = (v: Value) => ops.unsqueeze(v, [0]);
  const known = (v: Value) => g.dims(v);
  assert.deepEqual(known(shape), ["b", "s", 12]);
  assert.deepEqual(known(rows), ["b*s"]);
  assert.deepEqual(known(ops.add(length, ops.sizeOf(y))), ["s+t"]);
  assert.deepEqual(known(ops.sub(ops.add(length, 1), length)), [1]);
  assert.deepEqual(known(ops.div(ops.sizeOf(x), 4)), ["3*b*s"]);
  assert.equal(known(ops.div(length, 2)), undefined);
  assert.deepEqual(known(ops.slice(shape, [1], [3])), ["s", 12]);
  assert.deepEqual(known(ops.slice(shape, [0], [-1])), ["b", "s"]);
  assert.deepEqual(known(ops.squeeze(ops.cast(ops.identity(vector(rows)), "int32"))), ["b*s"]);
  assert.deepEqual(known(ops.max(length, 1)), undefined);
  assert.deepEqual(known(ops.gather(shape, g.constant(int64([2], [-1, 0])))), [12, "b"]);
  const sizes = ops.concat([vector(rows), g.constant(int64([2], [3, 4]))], 0);
  assert.deepEqual(ops.reshape(x, sizes).shape, ["b*s", 3, 4]);
  assert.deepEqual(ops.expand(y, ops.concat([vector(length), ops.shapeOf(y)], 0)).shape, [
    "s",
    "t",
  ]);
  assert.deepEqual(ops.range(0, length).shape, ["s"]);
  assert.deepEqual(ops.range(length, ops.add(length, 5)).shape, [5]);
  assert.deepEqual(ops.constantOfShape(shape, float32([1], [0])).shape, ["b", "s", 12]);
  const body = ops.loop(length, undefined, [x], (inner, _i, _c, h) => {
    assert.deepEqual(inner.dims(shape), ["b", "s", 12], "outer shapes are known inside");
    return { carried: [ops.exp(h)], scans: [h] };
  });
  assert.deepEqual(body.scans[0]!.shape, ["s", "b", "s", 12]);
});

Deno.test("a loop that may end early collects an unknown number of values", () => {
  const [x] = inputs(["b"]);
  const early = ops.loop(4, true, [x!], (_b, i, _c, h) => ({
    cond: ops.less(i, 2),
    carried: [h],
    scans: [h],
  }));
  assert.match(String(early.scans[0]!.shape[0]), /^\?/);
  const whole = ops.loop(4, true, [x!], (_b, _i, _c, h) => ({ carried: [h], scans: [h] }));
  assert.equal(whole.scans[0]!.shape[0], 4);
});

Deno.test("inputs that do not fit are refused with the reason", () => {
  const [a, b, c] = inputs(["b", "s"], ["b", 4], [4]) as [Value, Value, Value];
  const g = a.graph;
  const bool = ops.less(a, 1);
  const index = ops.cast(c, "int64");
  const cases: [() => unknown, RegExp][] = [
    [() => ops.softmax(a, 2), /axis 2 is outside of rank 2/],
    [() => ops.neg(bool), /must be a number, not bool/],
    [() => ops.exp(index), /must be a float, not int64/],
    [() => ops.and(bool, ops.cast(bool, "int64")), /element types differ/],
    [() => ops.not(a), /input 0 must be bool, not float32/],
    [() => ops.matmul(a, c), /inner dimensions are s and 4/],
    [() => ops.matmul(a, g.scalar(1, "float32")), /a scalar has no matrix product/],
    [() => ops.gemm(b, c), /A and B must be matrices/],
    [
      () => ops.gemm(b, b, undefined, { transA: true, transB: true }),
      /inner dimensions are b and 4/,
    ],
    [() => ops.concat([a, b, c], 0), /input 1 differs from input 0 at another axis than 0/],
    [() => ops.reduceSum(a, [0, 0]), /repeat one/],
    [() => ops.reduceSum(a, [2]), /axis 2 is outside of rank 2/],
    [() => ops.transpose(a, [0, 0]), /perm \[0,0\] is no permutation/],
    [() => ops.squeeze(a, [0]), /axis 0 has size b, not 1/],
    [() => ops.split(b, [1, 2], 1), /the sizes \[1,2\] do not sum to 4/],
    [() => ops.pad(a, [1, 1]), /pads must have 4 numbers/],
    [() => ops.topK(c, 5), /k is 5, more than the 4 elements/],
    [() => ops.gather(a, c as Value), /input 1 must be int64 or int32/],
    [() => ops.gatherElements(a, index, 0), /the same rank/],
    [() => ops.scatterND(c, ops.reshape(index, [4, 1]), a), /updates must have shape \[4\]/],
    [() => ops.trilu(c), /at least 2 axes/],
    [() => ops.layerNormalization(b, a), /do not broadcast|must broadcast/],
    [() => ops.layerNormalization(b, b), /must broadcast to the dimensions from axis 1 on/],
    [() => ops.range(0, ops.sizeOf(a), 0), /the step is 0/],
    [() => ops.where(bool, 1, 2), /their element type is not known/],
    [() => ops.tile(a, [2]), /one number for each axis/],
    [() => ops.expand(c, [3]), /dimensions 4 and 3/],
    [() => ops.tensorScatter(a, b, undefined, { axis: 0 }), /axis 0 is the batch/],
    [() => ops.unsqueeze(a, [0, 0]), /repeat one/],
    [() => ops.loop(2, true, [a], () => ({ carried: [] })), /returned 0 carried values for 1/],
    [
      () => ops.loop(2, true, [a], (_b, _i, _c, h) => ({ carried: [ops.concat([h, h], 0)] })),
      /carried value 0 is float32\[b, s\] at first, float32\[b, s\] when it enters the body and float32\[2\*b, s\] when it leaves/,
    ],
    [() => ops.if_(a, () => [a], () => [a]), /input 0 must be bool/],
    [
      () => ops.if_(g.scalar(1, "bool"), () => [a], () => [c]),
      /output 0 is float32\[b, s\] or float32\[4\]/,
    ],
  ];
  for (const [run, message] of cases) assert.throws(run, { name: "InputError", message });
});
