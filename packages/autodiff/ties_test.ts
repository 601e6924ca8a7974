import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import * as ops from "@decorum/onnx";
import { encodeModel, GraphBuilder, type Value } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { buildGradientGraph } from "./mod.ts";

/** Gradient of the sum of `f(x)` at a point where its slope jumps; what torch gives there. */
async function slopes(f: (x: Value) => Value, x: readonly number[]): Promise<number[]> {
  const builder = new GraphBuilder("tie");
  const y = f(builder.input("x", "float32", [x.length]));
  builder.output(ops.reduceSum(y, undefined, false), "loss");
  const graph = buildGradientGraph(builder.build(), { loss: "loss", wrt: ["x"] });
  await using session = await createSession({ bytes: encodeModel(graph) }, { intraOpThreads: 1 });
  const { x_grad } = await session.run({ x: float32([x.length], x) });
  return Array.from(x_grad!.data, Number);
}

const limit = (x: Value, values: readonly number[]) =>
  x.graph.constant(float32([values.length], values));

Deno.test("a tie of two is halved, of three shared by three", async () => {
  assert.deepEqual(await slopes((x) => ops.max(x, limit(x, [1, 2, 3])), [2, 2, 2]), [1, 0.5, 0]);
  assert.deepEqual(await slopes((x) => ops.min(x, limit(x, [1, 2, 3])), [2, 2, 2]), [0, 0.5, 1]);
  const three = (x: Value) => ops.max(x, limit(x, [1]), limit(x, [1]));
  assert.deepEqual(await slopes(three, [1]), [float32([], [1 / 3]).data[0]!]);
});

Deno.test("equal extrema of a row share its cotangent", async () => {
  assert.deepEqual(await slopes((x) => ops.reduceMax(x), [5, 1, 5, 5, 5]), [
    0.25,
    0,
    0.25,
    0.25,
    0.25,
  ]);
  assert.deepEqual(await slopes((x) => ops.reduceMin(x, [0], false), [5, 1, 1]), [0, 0.5, 0.5]);
});

Deno.test("at a bound of Clip the cotangent passes, outside it does not", async () => {
  assert.deepEqual(await slopes((x) => ops.clip(x, -1, 1), [-2, -1, 0, 1, 2]), [0, 1, 1, 1, 0]);
});

Deno.test("at 0 the slope of Relu and of Abs is 0", async () => {
  assert.deepEqual(await slopes(ops.relu, [-1, 0, 1]), [0, 0, 1]);
  assert.deepEqual(await slopes(ops.abs, [-1, 0, 1]), [-1, 0, 1]);
});

Deno.test("GELU's slope goes to 0 and 1 far from 0, without overflow", async () => {
  for (const approximate of ["none", "tanh"] as const) {
    const found = await slopes((x) => ops.gelu(x, approximate), [-1e4, -30, 0, 30, 1e4]);
    assert.deepEqual(found.map((value) => value + 0), [0, 0, 0.5, 1, 1], approximate);
  }
});
