import assert from "node:assert/strict";
import { cast, encodeModel, GraphBuilder, matmul, mul, reduceMean } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { float32, type Tensor } from "@decorum/tensor";
import { buildGradientGraph } from "./mod.ts";

/** loss = 1e-8 mean((x w)^2), x w rounded to float16: cotangents near 1e-8, which float16 rounds to 0. */
function smallLoss() {
  const graph = new GraphBuilder("small");
  const x = graph.input("x", "float32", [2, 3]);
  const w = graph.input("w", "float32", [3, 4]);
  const y = cast(cast(matmul(x, w), "float16"), "float32");
  graph.output(mul(reduceMean(mul(y, y), [0, 1], false), 1e-8), "loss");
  return graph.build();
}

const feeds = {
  x: float32([2, 3], [1, -2, 3, 4, 5, -6]),
  w: float32([3, 4], Array.from({ length: 12 }, (_, i) => (i - 5) / 4)),
};

async function gradient(lossScale?: number): Promise<Tensor> {
  const request = { loss: "loss", wrt: ["w"], ...(lossScale === undefined ? {} : { lossScale }) };
  const graph = buildGradientGraph(smallLoss(), request);
  await using session = await createSession({ bytes: encodeModel(graph) }, { intraOpThreads: 1 });
  return (await session.run(feeds))["w_grad"]!;
}

/** 2e-8 / 8 x^T (x w), in plain numbers. */
function expected(): number[] {
  const [x, w] = [feeds.x.data, feeds.w.data];
  const y = Array.from({ length: 8 }, (_, i) => {
    const [row, column] = [i >> 2, i & 3];
    return [0, 1, 2].reduce((sum, k) => sum + x[row * 3 + k]! * w[k * 4 + column]!, 0);
  });
  return Array.from({ length: 12 }, (_, i) => {
    const [k, column] = [i >> 2, i & 3];
    return [0, 1].reduce((sum, row) => sum + x[row * 3 + k]! * y[row * 4 + column]!, 0) * 2.5e-9;
  });
}

Deno.test("a loss scale keeps float16 cotangents from rounding to 0; gradients are float32", async () => {
  const plain = await gradient();
  const scaled = await gradient(2 ** 16);
  assert.equal(scaled.dtype, "float32");
  const error = (found: Tensor) =>
    Math.max(...expected().map((g, i) => Math.abs(Number(found.data[i]) - g))) /
    Math.max(...expected().map(Math.abs));
  assert.ok(error(plain) > 0.1, `without: ${error(plain)}`);
  assert.ok(error(scaled) < 2e-3, `with: ${error(scaled)}`);
});

Deno.test("a loss scale must be a power of two", () => {
  for (const lossScale of [3, 0, -2, NaN, Infinity]) {
    assert.throws(
      () => buildGradientGraph(smallLoss(), { loss: "loss", wrt: ["w"], lossScale }),
      /^InputError: Cannot scale the loss "loss" by .*: expected a power of two/,
    );
  }
});
