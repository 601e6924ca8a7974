import assert from "node:assert/strict";
import { castTensor, float32, int64, type Tensor } from "@decorum/tensor";
import { GraphBuilder, type Value } from "../mod.ts";
import { run } from "@decorum/testing/graph";
import * as ops from "./mod.ts";

/** What the options of the typed functions mean, by small results that can be seen to be right. */

const X = float32([2, 3], [1, 2, 3, 4, 5, 6]);
const END = 2 ** 31 - 1;

async function evaluate(make: (x: Value, g: GraphBuilder) => Value): Promise<Tensor> {
  const g = new GraphBuilder("values");
  g.output(make(g.input("x", "float32", ["b", 3]), g), "y");
  const { y } = await run({ graph: g.build() }, { x: X });
  return y!;
}

const cases: Record<string, [(x: Value, g: GraphBuilder) => Value, number[]]> = {
  "numbers on both sides": [(x) => ops.sub(10, ops.mul(x, 2)), [8, 6, 4, 2, 0, -2]],
  "pow and integer div": [(x) => ops.div(ops.cast(ops.pow(x, 2), "int64"), 5), [0, 0, 1, 3, 5, 7]],
  "min and max": [(x) => ops.max(2, ops.min(x, 4)), [2, 2, 3, 4, 4, 4]],
  clip: [(x) => ops.clip(x, 2, undefined), [2, 2, 3, 4, 5, 6]],
  where: [(x) => ops.where(ops.greater(x, 3), x, 0), [0, 0, 0, 4, 5, 6]],
  "gemm transposed": [
    (x) => ops.gemm(x, x, undefined, { transB: true, alpha: 0.5 }),
    [7, 16, 16, 38.5],
  ],
  "reduceSum without keepdims": [(x) => ops.reduceSum(x, [1], false), [6, 15]],
  reduceMean: [(x) => ops.reduceMean(x), [3.5]],
  reduceMax: [(x) => ops.reduceMax(x, [0]), [4, 5, 6]],
  reduceMin: [(x) => ops.reduceMin(x, [-1]), [1, 4]],
  "reduce over no axes": [(x) => ops.mul(ops.reduceSum(x, []), 1), [1, 2, 3, 4, 5, 6]],
  argMax: [(x) => ops.argMax(ops.neg(x), 1), [0, 0]],
  "topK smallest": [(x) => ops.topK(x, 2, { largest: false }).values, [1, 2, 4, 5]],
  "topK indices": [(x) => ops.topK(x, 2).indices, [2, 1, 2, 1]],
  "cumSum exclusive": [(x) => ops.cumSum(x, 1, { exclusive: true }), [0, 1, 3, 0, 4, 9]],
  "cumSum reverse": [(x) => ops.cumSum(x, 1, { reverse: true }), [6, 5, 3, 15, 11, 6]],
  "transpose by default": [(x) => ops.transpose(x), [1, 4, 2, 5, 3, 6]],
  "slice backwards": [(x) => ops.slice(x, [-1], [-END], [1], [-2]), [3, 1, 6, 4]],
  "slice of the end": [(x) => ops.slice(x, [1], [END], [1]), [2, 3, 5, 6]],
  "split in sizes": [(x) => ops.split(x, [1, 2], 1)[1]!, [2, 3, 5, 6]],
  "split in parts": [(x) => ops.split(x, 2, 1)[1]!, [3, 6]],
  "pad of one axis": [(x) => ops.pad(x, [1, 0], { axes: [1], value: 9 }), [9, 1, 2, 3, 9, 4, 5, 6]],
  tile: [(x) => ops.tile(ops.slice(x, [0], [1], [0]), [2, 1]), [1, 2, 3, 1, 2, 3]],
  "lower triangle": [(x) => ops.trilu(x, { upper: false }), [1, 0, 0, 4, 5, 0]],
  "upper triangle from a diagonal": [(x) => ops.trilu(x, { k: 1 }), [0, 2, 3, 0, 0, 6]],
  constantOfShape: [(x) => ops.constantOfShape(ops.shapeOf(x), float32([], [7])), [
    7,
    7,
    7,
    7,
    7,
    7,
  ]],
  range: [(x) => ops.range(1, ops.sizeOf(x), 2), [1, 3, 5]],
  shapeOf: [(x) => ops.shapeOf(x, { start: -1 }), [3]],
  reshapeLike: [(x) => ops.reshapeLike(ops.reshape(x, [-1]), x), [1, 2, 3, 4, 5, 6]],
  expandLike: [(x, g) => ops.expandLike(g.scalar(5, "float32"), x), [5, 5, 5, 5, 5, 5]],
  "gather by number": [(x) => ops.gather(x, -1, 1), [3, 6]],
  gatherElements: [
    (x, g) => ops.gatherElements(x, g.constant(int64([2, 1], [2, 0])), 1),
    [3, 4],
  ],
  gatherND: [(x, g) => ops.gatherND(x, g.constant(int64([2, 2], [0, 1, 1, 2]))), [2, 6]],
  "scatterElements adds": [
    (x, g) => {
      const [index, ones] = [int64([1, 2], [0, 0]), float32([1, 2], [10, 20])];
      const rows = ops.slice(x, [0], [1], [0]);
      return ops.scatterElements(rows, g.constant(index), g.constant(ones), {
        axis: 1,
        reduction: "add",
      });
    },
    [31, 2, 3],
  ],
  "scatterND replaces": [
    (x, g) =>
      ops.scatterND(x, g.constant(int64([1, 1], [1])), g.constant(float32([1, 3], [7, 8, 9]))),
    [1, 2, 3, 7, 8, 9],
  ],
  "oneHot at the end": [
    (x) => ops.oneHot(ops.cast(ops.slice(x, [0], [1], [1]), "int64"), 5, { dtype: "int64" }),
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
  ],
  tensorScatter: [
    (x, g) => {
      const cache = ops.reshape(ops.mul(x, 0), [2, 3, 1]);
      const rows = g.constant(float32([2, 1, 1], [8, 9]));
      return ops.tensorScatter(cache, rows, g.constant(int64([2], [0, 2])));
    },
    [8, 0, 0, 0, 0, 9],
  ],
  nonZero: [(x) => ops.nonZero(ops.greater(x, 4)), [1, 1, 1, 2]],
  "logSoftmax and softmax": [
    (x) => ops.reduceSum(ops.abs(ops.sub(ops.exp(ops.logSoftmax(x)), ops.softmax(x)))),
    [0],
  ],
  rmsNormalization: [
    (x, g) =>
      ops.rmsNormalization(ops.mul(ops.sign(x), 4), g.constant(float32([3], [1, 2, 3])), {
        epsilon: 0,
      }),
    [1, 2, 3, 1, 2, 3],
  ],
  layerNormalization: [
    (x, g) =>
      ops.layerNormalization(
        ops.sign(x),
        g.constant(float32([3], [1, 1, 1])),
        g.constant(float32([3], [1, 2, 3])),
      ),
    [1, 2, 3, 1, 2, 3],
  ],
  "loop with a captured value and an early end": [
    (x) =>
      ops.loop(10, true, [x], (_body, i, _cond, h) => ({
        cond: ops.less(i, 2),
        carried: [ops.add(h, x)],
      })).carried[0]!,
    [4, 8, 12, 16, 20, 24],
  ],
  "scans stack along a new axis": [
    (x) =>
      ops.loop(2, undefined, [ops.reduceSum(x, undefined, false)], (_body, _i, _cond, h) => ({
        carried: [ops.mul(h, 2)],
        scans: [h],
      })).scans[0]!,
    [21, 42],
  ],
  if: [
    (x) =>
      ops.if_(
        ops.greater(ops.reduceSum(x, undefined, false), 100),
        () => [x],
        () => [ops.neg(x)],
      )[0]!,
    [-1, -2, -3, -4, -5, -6],
  ],
};

for (const [name, [make, expected]] of Object.entries(cases)) {
  Deno.test(`${name}: [${expected}]`, async () => {
    const { data } = castTensor(await evaluate(make), "float64");
    const close = Array.from(data, (v) => Math.round(v * 1e4) / 1e4);
    assert.deepEqual(close.map((v) => v + 0), expected);
  });
}
