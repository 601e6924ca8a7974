import assert from "node:assert/strict";
import { encodeModel, GraphBuilder, type Value } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { type DType, float32 } from "@decorum/tensor";
import { AdapterInputs, Linear } from "./linear.ts";
import { Weights, type WeightsOptions } from "./weights.ts";

const layers = new Map([["up", [1024, 4]], ["down", [4, 1024]]] as const);
const lora = { r: 2, loraAlpha: 2, loraDropout: 0, targetModules: ["down"] };

/** Two layers with 1024 features between them: rows 4096 bytes apart. */
function linearOf(options: WeightsOptions & { readonly adapted?: boolean } = {}) {
  const graph = new GraphBuilder("layers");
  const index = {
    has: () => true,
    expect(key: string, dims: readonly number[]) {
      return { key, dims: [...dims], dtype: "float32" as DType, file: "f", offset: 0, length: 0 };
    },
  };
  const weights = new Weights(graph, index, options);
  const adapter = options.adapted ? new AdapterInputs(weights, lora, layers) : undefined;
  return { graph, linear: new Linear(weights, adapter) };
}

Deno.test("rows that lie a multiple of 4096 bytes apart are padded by one line of the cache", () => {
  const { linear } = linearOf();
  assert.deepEqual([1024, 2048, 3072, 5120].map((n) => linear.padding(n, ["up"])), [
    16,
    16,
    16,
    16,
  ]);
  assert.deepEqual([768, 1000, 2816, 2064].map((n) => linear.padding(n, ["up"])), [0, 0, 0, 0]);
});

Deno.test("only frozen float32 weights are padded", () => {
  const names = ["up", "down"];
  assert.equal(linearOf({ computeType: "float16" }).linear.padding(1024, names), 0);
  assert.equal(
    linearOf({ trainable: (key) => key === "up.weight" }).linear.padding(1024, names),
    0,
  );
  assert.equal(linearOf({ adapted: true }).linear.padding(1024, names), 0);
  assert.equal(linearOf({ adapted: true }).linear.padding(1024, ["up"]), 16);
});

Deno.test("padding changes no result", async () => {
  const wave = (shape: number[], step: number) =>
    float32(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * step)),
    );
  const run = async (padding: number) => {
    const { graph, linear } = linearOf({ trainable: () => true });
    const x = graph.input("x", "float32", [3, 4]);
    const hidden: Value = linear.forward("up", 1024, x, { bias: true, padOut: padding });
    graph.output(hidden, "hidden");
    graph.output(linear.forward("down", 4, hidden, { bias: true, padIn: padding }), "y");
    await using session = await createSession(
      { bytes: encodeModel(graph.build()) },
      { intraOpThreads: 1 },
    );
    return await session.run({
      x: wave([3, 4], 1),
      "up.weight": wave([1024, 4], 0.3),
      "up.bias": wave([1024], 0.7),
      "down.weight": wave([4, 1024], 0.5),
      "down.bias": wave([4], 0.2),
    });
  };
  const [plain, padded] = [await run(0), await run(16)];
  assert.deepEqual(padded["hidden"]!.dims, [3, 1040]);
  const rows = padded["hidden"]!.data as Float32Array;
  for (let row = 0; row < 3; row++) {
    assert.deepEqual(rows.slice(row * 1040 + 1024, (row + 1) * 1040), new Float32Array(16));
  }
  assert.deepEqual(padded["y"]!.data, plain["y"]!.data);
});
