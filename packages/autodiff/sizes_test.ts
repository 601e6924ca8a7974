import assert from "node:assert/strict";
import * as ops from "@decorum/onnx";
import { GraphBuilder, type Shape } from "@decorum/onnx";
import { Sizes } from "./sizes.ts";

/** A builder with an input `ids` [batch, time] and a value of a shape that is computed from others. */
function setUp(shape: Shape) {
  const graph = new GraphBuilder("sizes");
  const ids = graph.input("ids", "int64", ["batch", "time"]);
  const source = graph.input("x", "float32", shape);
  return {
    graph,
    ids,
    value: ops.exp(source),
    sizes: new Sizes(graph, [{ name: "ids", type: ids }]),
  };
}

function shapeReads(graph: GraphBuilder): string[] {
  return graph.build().nodes.filter(({ opType }) => opType === "Shape").map(({ inputs }) =>
    inputs[0]!
  );
}

Deno.test("sizes that inputs name are read from them, products included", () => {
  const { graph, value, sizes } = setUp(["2*batch*time", "time", 8]);
  const vector = sizes.of(value);
  assert.deepEqual(graph.dims(vector), ["2*batch*time", "time", 8]);
  assert.deepEqual(new Set(shapeReads(graph)), new Set(["ids"]));
});

Deno.test("a size that no input names is read from the value", () => {
  const { graph, value, sizes } = setUp(["batch", "past+1", "past"]);
  assert.deepEqual(graph.dims(sizes.of(value)), ["batch", "past+1", "past"]);
  assert.deepEqual(shapeReads(graph).sort(), ["Exp_0", "Exp_0", "ids"]);
});

Deno.test("a known shape is a constant; axes left out have size 1", () => {
  const { graph, value, sizes } = setUp([3, "time", 8]);
  assert.deepEqual(graph.dims(sizes.of(value, [0, 2])), [3, 1, 8]);
  assert.equal(sizes.axis(value, 2), 8);
  assert.deepEqual(shapeReads(graph), []);
});

Deno.test("one unknown size needs no vector: Reshape infers it", () => {
  const { graph, ids, value, sizes } = setUp(["batch*time", 8]);
  const heads = graph.input("heads", "float32", ["batch", "time", 2, 4]);
  assert.deepEqual(sizes.reshape(heads, value).shape, value.shape);
  assert.deepEqual(shapeReads(graph), []);
  assert.deepEqual(sizes.reshape(value, heads).shape, heads.shape);
  assert.deepEqual(shapeReads(graph), [ids.name, ids.name]);
});

Deno.test("a size of 0 is kept: nothing is left to infer it from", () => {
  const { value, graph, sizes } = setUp(["batch", 0]);
  const other = graph.input("other", "float32", [0, "batch"]);
  assert.deepEqual(sizes.reshape(other, value).shape, ["batch", 0]);
});
