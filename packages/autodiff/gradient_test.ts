import assert from "node:assert/strict";
import { float32, type Tensor } from "@decorum/tensor";
import * as ops from "@decorum/onnx";
import { encodeModel, type Graph, GraphBuilder, type Value } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { buildGradientGraph } from "./mod.ts";

const sum = (x: Value) => ops.reduceSum(x, undefined, false);

function graphOf(body: (g: GraphBuilder) => Value): Graph {
  const builder = new GraphBuilder("test");
  builder.output(body(builder), "loss");
  return builder.build();
}

const vector = (g: GraphBuilder, name = "x") => g.input(name, "float32", ["n"]);

/** Nodes that the walk added, by operator. */
function added(graph: Graph, gradient: Graph): string[] {
  const before = new Set(graph.nodes.map(({ name }) => name));
  return gradient.nodes.filter(({ name }) => !before.has(name)).map(({ opType }) => opType).sort();
}

async function run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, number[]>> {
  await using session = await createSession({ bytes: encodeModel(graph) }, { intraOpThreads: 1 });
  const results = await session.run(feeds);
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]),
  );
}

const x = float32([3], [1, 2, -3]);

Deno.test("gradients are outputs called <value>_grad, of the value's type, beside the graph's own", () => {
  const graph = graphOf((g) => {
    g.output(vector(g, "unused"), "copy");
    return sum(ops.mul(g.input("a", "float32", ["b", 1]), g.input("c", "float32", [4])));
  });
  const gradient = buildGradientGraph(graph, { loss: "loss", wrt: ["c", "a"] });
  assert.deepEqual(
    gradient.outputs.map(({ name, type }) => [name, type.shape]),
    [["copy", ["n"]], ["loss", []], ["c_grad", [4]], ["a_grad", ["b", 1]]],
  );
});

Deno.test("what reaches a value by several ways is added", async () => {
  const graph = graphOf((g) => {
    const x = vector(g);
    const h = ops.exp(x);
    return sum(ops.add(ops.add(ops.mul(h, h), ops.mul(x, 3)), ops.add(x, x)));
  });
  const { x_grad } = await run(buildGradientGraph(graph, { loss: "loss", wrt: ["x"] }), { x });
  x_grad!.forEach((value, i) => {
    const expected = 2 * Math.exp(2 * x.data[i]!) + 5;
    assert.ok(Math.abs(value - expected) < 1e-5 * expected, `${value} is not ${expected}`);
  });
});

Deno.test("a weight that is used twice gets both gradients", async () => {
  const graph = graphOf((g) => {
    const w = g.input("w", "float32", [3, 2]);
    const rows = ops.gather(
      w,
      g.constant({ dtype: "int64", dims: [2], data: BigInt64Array.of(2n, 0n) }),
    );
    return sum(ops.matmul(rows, ops.transpose(w)));
  });
  const w = float32([3, 2], [1, 2, 3, 4, 5, 6]);
  const { w_grad } = await run(buildGradientGraph(graph, { loss: "loss", wrt: ["w"] }), { w });
  // Head: each row gets the sum of the picked rows, (6, 8). Embedding: rows 0 and 2 get the column sums, (9, 12).
  assert.deepEqual(w_grad, [15, 20, 6, 8, 15, 20]);
});

Deno.test("a row that is picked often gets all its cotangents, whatever the threads", async () => {
  const [n, width] = [4096, 64];
  const graph = graphOf((g) =>
    sum(ops.mul(
      ops.gather(g.input("table", "float32", [4, width]), g.input("ids", "int64", ["n"])),
      g.input("u", "float32", ["n", width]),
    ))
  );
  const gradient = buildGradientGraph(graph, { loss: "loss", wrt: ["table"] });
  await using session = await createSession({ bytes: encodeModel(gradient) }, {
    intraOpThreads: 2,
  });
  for (let i = 0; i < 3; i++) {
    const { table_grad } = await session.run({
      table: float32([4, width], new Float32Array(4 * width)),
      ids: {
        dtype: "int64",
        dims: [n],
        data: BigInt64Array.from({ length: n }, (_, k) => BigInt(k % 4)),
      },
      u: float32([n, width], new Float32Array(n * width).fill(1)),
    }, ["table_grad"]);
    assert.ok(table_grad!.data.every((value) => value === n / 4));
  }
});

Deno.test("frozen weights and what lies beside the path cost no node", () => {
  const graph = graphOf((g) => {
    const x = g.input("x", "float32", ["n", 3]);
    const frozen = ops.tanh(g.input("w", "float32", [3, 3]));
    ops.exp(ops.neg(x)); // leads nowhere
    const y = ops.gemm(x, frozen, g.input("b", "float32", [3]));
    return ops.add(sum(y), sum(ops.exp(frozen)));
  });
  const gradient = buildGradientGraph(graph, { loss: "loss", wrt: ["x"] });
  assert.deepEqual(added(graph, gradient), [
    "Concat",
    "Expand",
    "Gemm",
    "Identity",
    "Shape",
    "Unsqueeze",
  ]);
});

Deno.test("only what is asked for is built: one side of a product, one part of a concatenation", () => {
  const product = graphOf((g) => sum(ops.mul(ops.exp(vector(g, "a")), ops.exp(vector(g, "b")))));
  const count = (wrt: string[]) =>
    added(product, buildGradientGraph(product, { loss: "loss", wrt })).filter((op) => op === "Mul")
      .length;
  assert.equal(count(["a"]), 2);
  assert.equal(count(["a", "b"]), 4);
  const joined = graphOf((g) =>
    sum(ops.concat([vector(g, "a"), vector(g, "b"), vector(g, "c")], 0))
  );
  const gradient = buildGradientGraph(joined, { loss: "loss", wrt: ["a"] });
  assert.equal(added(joined, gradient).filter((op) => op === "Slice").length, 1);
});

Deno.test("the walk does not pass through a value in `stop`", async () => {
  const graph = graphOf((g) => {
    const x = vector(g);
    const h = g.op("Exp", [x], {}, { outputs: ["h"] });
    return sum(ops.mul(h, x));
  });
  const request = { loss: "loss", wrt: ["x"], stop: ["h"] };
  const { x_grad } = await run(buildGradientGraph(graph, request), { x });
  assert.deepEqual(x_grad, Array.from(x.data, (value) => Math.fround(Math.exp(value))).map(Number));
  assert.throws(
    () => buildGradientGraph(graph, { ...request, stop: ["g"] }),
    /^InputError: Graph "test" has no value "g"/,
  );
});

Deno.test("values in between and initializers can be differentiated by", async () => {
  const graph = graphOf((g) => {
    const h = g.op("Exp", [g.input("x", "float32", [3])], {}, { outputs: ["h"] });
    return sum(ops.mul(ops.mul(h, h), g.constant(float32([3], [1, 2, 3]), "w")));
  });
  const request = { loss: "loss", wrt: ["h", "w", "x"] };
  const results = await run(buildGradientGraph(graph, request), { x });
  x.data.forEach((value, i) => {
    const h = Math.exp(value);
    const expected = { h_grad: 2 * h * (i + 1), w_grad: h * h, x_grad: 2 * h * h * (i + 1) };
    for (const [name, wanted] of Object.entries(expected)) {
      assert.ok(Math.abs(results[name]![i]! - wanted) < 1e-5 * wanted, name);
    }
  });
});

Deno.test("a graph can be differentiated again: second derivatives", async () => {
  const graph = graphOf((g) => {
    const h = g.op("Identity", [vector(g)], {}, { outputs: ["h"] });
    return sum(ops.mul(ops.mul(h, h), h));
  });
  const once = buildGradientGraph(graph, { loss: "loss", wrt: ["h"] });
  assert.deepEqual(buildGradientGraph(graph, { loss: "loss", wrt: ["h"] }), once);
  const builder = GraphBuilder.from(once);
  builder.output(sum(builder.value("h_grad")), "slope");
  const twice = buildGradientGraph(builder.build(), { loss: "slope", wrt: ["x"] });
  const { x_grad } = await run(twice, { x });
  assert.deepEqual(x_grad, Array.from(x.data, (value) => 6 * value));
});

Deno.test("a loss that is no float scalar is refused", () => {
  const graph = graphOf((g) => {
    const x = vector(g);
    g.output(ops.exp(x), "y");
    g.output(ops.sizeOf(x), "count");
    return sum(x);
  });
  const wrt = ["x"];
  assert.throws(
    () => buildGradientGraph(graph, { loss: "y", wrt }),
    /^InputError: Cannot differentiate y: float32\[n\]: expected a float scalar/,
  );
  assert.throws(
    () => buildGradientGraph(graph, { loss: "count", wrt }),
    /^InputError: Cannot differentiate count: int64\[\]: expected a float scalar/,
  );
  assert.throws(() => buildGradientGraph(graph, { loss: "cost", wrt }), /^InputError: .*"cost"/);
});

Deno.test("what the loss does not depend on, or cannot, is refused by name", () => {
  const graph = graphOf((g) => {
    const ids = g.input("ids", "int64", ["n"]);
    vector(g, "other");
    return sum(ops.gather(vector(g), ids));
  });
  const by = (name: string) => () => buildGradientGraph(graph, { loss: "loss", wrt: ["x", name] });
  assert.throws(
    by("other"),
    /^InputError: Cannot differentiate "loss" by "other": no path of nodes leads from it to the loss/,
  );
  assert.throws(
    by("ids"),
    /^InputError: Cannot differentiate "loss" by ids: int64\[n\]: expected a f/,
  );
  assert.throws(by("y"), /^InputError: Graph "test" has no value "y"/);
});

Deno.test("an operator that nobody knows is an error naming operator and node", () => {
  const graph = graphOf((g) => sum(ops.exp(vector(g))));
  const nodes = graph.nodes.map((node) =>
    node.opType === "Exp" ? { ...node, opType: "Erfc" } : node
  );
  assert.throws(
    () => buildGradientGraph({ ...graph, nodes }, { loss: "loss", wrt: ["x"] }),
    /^InputError: .*"Erfc".*"Exp_0"/,
  );
});

Deno.test("a loop that reads a value on the path from outside is refused, not taken for data", () => {
  const graph = graphOf((g) => {
    const h = ops.exp(vector(g));
    const { carried } = ops.loop(2, undefined, [vector(g, "start")], (body, _i, _cond, v) => ({
      carried: [ops.add(v, ops.neg(body.capture(h)))],
    }), { name: "steps" });
    return ops.add(sum(carried[0]!), sum(h));
  });
  assert.throws(
    () => buildGradientGraph(graph, { loss: "loss", wrt: ["x"] }),
    /^InputError: Cannot differentiate Loop "steps": control flow is used for generation only/,
  );
});

Deno.test("rules refuse variants that they do not know", () => {
  const gradient = (body: (g: GraphBuilder) => Value) => () =>
    buildGradientGraph(graphOf(body), { loss: "loss", wrt: ["x"] });
  const matrix = (g: GraphBuilder) => g.input("x", "float32", [3, 4]);
  assert.throws(
    gradient((g) => sum(ops.matmul(vector(g), g.input("w", "float32", ["n", 2])))),
    /^InputError: Cannot differentiate MatMul "MatMul_0" .*expected matrices; add an axis of 1/,
  );
  assert.throws(
    gradient((g) => sum(ops.slice(matrix(g), [0], [3], [0], [2]))),
    /^InputError: Cannot differentiate Slice "Slice_0" with steps \[2\]: expected steps of 1/,
  );
  assert.throws(
    gradient((g) => sum(ops.slice(matrix(g), g.input("start", "int64", [1]), [3]))),
    /^InputError: Cannot differentiate Slice "Slice_0": input 1 \("start"\) is computed at run time/,
  );
  assert.throws(
    gradient((g) =>
      sum(
        ops.layerNormalization(matrix(g), g.input("w", "float32", [3, 4]), undefined, { axis: 0 }),
      )
    ),
    /^InputError: Cannot differentiate LayerNormalization .* over axis 0: expected the last axis/,
  );
  assert.throws(
    gradient((g) => {
      const w = g.input("w", "float32", [4]);
      return sum(g.ops("LayerNormalization", [matrix(g), w], {}, { outputs: 2 })[1]!);
    }),
    /^InputError: Cannot differentiate LayerNormalization .*depends on its mean or inverse deviation/,
  );
  assert.throws(
    gradient((g) => {
      const indices = g.input("at", "int64", [1, 1]);
      return sum(ops.scatterND(matrix(g), indices, g.input("u", "float32", [1, 4]), "max"));
    }),
    /^InputError: Cannot differentiate ScatterND .*with reduction "max": expected "none" or "add"/,
  );
});
