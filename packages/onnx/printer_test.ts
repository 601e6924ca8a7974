import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { add, GraphBuilder, layerNormalization, loop, matmul, printGraph } from "./mod.ts";

Deno.test("a graph reads one node a line, subgraphs indented", () => {
  const g = new GraphBuilder("main");
  const x = g.input("x", "float32", ["batch", 4]);
  const w = g.initializer({
    name: "q.weight",
    type: { dtype: "float32", shape: [4, 4] },
    external: { location: "model.safetensors", offset: 97, length: 64 },
  });
  const scale = g.constant(float32([4], [1, 2, 3, 4]), "scale");
  const y = layerNormalization(matmul(x, w), scale, undefined, { epsilon: 1e-6 });
  const { carried } = loop(3, undefined, [y], (_b, _i, _c, h) => ({ carried: [add(h, 1)] }));
  g.output(carried[0]!, "y");
  assert.equal(
    printGraph(g.build()),
    `graph main(%x: float32[batch, 4]) -> (%y: float32[batch, 4])
  %q.weight: float32[4, 4] = external model.safetensors@97
  %scale: float32[4] = {1, 2, 3, 4}
  %constant_1: int64[] = {3}
  %MatMul_0: float32[batch, 4] = MatMul(%x, %q.weight)
  %LayerNormalization_0: float32[batch, 4] = LayerNormalization(%MatMul_0, %scale) {axis=-1, epsilon=0.000001}
  %Loop_0: float32[batch, 4] = Loop(%constant_1, _, %LayerNormalization_0)
    body = graph Loop(%Loop/iteration_0: int64[], %Loop/cond_0: bool[], %Loop/carried_0: float32[batch, 4]) -> (%Loop/Identity_0: bool[], %Loop/Add_0: float32[batch, 4])
      %constant_0: float32[] = {1}
      %Loop/Add_0: float32[batch, 4] = Add(%Loop/carried_0, %constant_0)
      %Loop/Identity_0: bool[] = Identity(%Loop/cond_0)
  %y: float32[batch, 4] = Identity(%Loop_0)
`,
  );
});
