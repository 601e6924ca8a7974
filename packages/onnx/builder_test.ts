import assert from "node:assert/strict";
import { float32, int64, zeros } from "@decorum/tensor";
import { add, concat, GraphBuilder, loop, matmul, mul, reduceSum, softmax } from "./mod.ts";

Deno.test("scopes prefix names and names stay unique", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["b", 4]);
  const names = g.scope(
    "encoder",
    () => g.scope("block.0", () => [softmax(x), softmax(x)].map(({ name }) => name)),
  );
  assert.deepEqual(names, ["encoder/block.0/Softmax_0", "encoder/block.0/Softmax_1"]);
  assert.equal(softmax(x).name, "Softmax_0");
  assert.equal(g.op("Exp", [x], {}, { name: "mine" }).name, "mine");
  assert.equal(g.op("Exp", [x], {}, { name: "mine" }).name, "mine_0");
  assert.equal(g.op("Exp", [x], {}, { outputs: ["x_grad"] }).name, "x_grad");
  assert.throws(() => g.op("Exp", [x], {}, { outputs: ["x_grad"] }), /the name is in use/);
  assert.throws(() => g.input("x", "float32", []), /"x": the name is in use/);
});

Deno.test("the scope ends also when its body throws", () => {
  const g = new GraphBuilder("g");
  assert.throws(() =>
    g.scope("s", () => {
      throw new Error("no");
    })
  );
  assert.equal(softmax(g.input("x", "float32", [2])).name, "Softmax_0");
});

Deno.test("small constants are shared by type, shape and content", () => {
  const g = new GraphBuilder("g");
  assert.equal(g.scalar(1, "float32").name, g.scalar(1, "float32").name);
  assert.notEqual(g.scalar(1, "float32").name, g.scalar(1, "int32").name);
  assert.notEqual(g.scalar(0, "float32").name, g.scalar(-0, "float32").name);
  assert.notEqual(g.constant(float32([1], [1])).name, g.scalar(1, "float32").name);
  assert.notEqual(
    g.constant(zeros("float32", [2000])).name,
    g.constant(zeros("float32", [2000])).name,
  );
  assert.equal(g.constant(float32([], [1]), "one").name, "one");
  assert.throws(() => g.scalar(0.5, "int64"), /int64 scalar of 0.5/);
});

Deno.test("unread initializers are left out, captured ones are kept", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", [2]);
  g.initializer({
    name: "unread",
    type: { dtype: "float32", shape: [2] },
    data: zeros("float32", [2]),
  });
  const w = g.initializer({
    name: "w",
    type: { dtype: "float32", shape: [2] },
    external: { location: "hub/model.safetensors", offset: 3, length: 8 },
  });
  g.output(loop(2, undefined, [x], (_b, _i, _c, h) => ({ carried: [add(h, w)] })).carried[0]!, "y");
  const graph = g.build();
  assert.ok(graph.initializers.has("w"));
  assert.ok(!graph.initializers.has("unread") && !graph.types.has("unread"));
});

Deno.test("an output gets an Identity where it needs one", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", [2]);
  const y = mul(x, 2);
  assert.equal(g.output(y).name, y.name);
  assert.equal(g.output(y, "again").name, "again");
  assert.equal(g.output(x, "same").name, "same");
  assert.equal(g.output(g.scalar(1, "float32")).name, "Identity_2");
  const { nodes, outputs } = g.build();
  assert.deepEqual(nodes.map(({ opType }) => opType), ["Mul", "Identity", "Identity", "Identity"]);
  assert.deepEqual(outputs.map(({ name }) => name), [y.name, "again", "same", "Identity_2"]);
});

Deno.test("operators land in the innermost graph of their inputs", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", [2]);
  const { carried } = loop(2, undefined, [x], (body, _i, _c, h) => {
    assert.equal(mul(x, 2).graph, g);
    assert.equal(add(h, x).graph, body);
    assert.equal(mul(body.capture(x), 2).graph, body);
    return { carried: [add(h, x)] };
  });
  assert.equal(carried[0]!.graph, g);
  const [left, right] = [new GraphBuilder("left", g), new GraphBuilder("right", g)];
  const inner = mul(left.capture(x), 2);
  assert.throws(() => add(inner, right.capture(x)), /neither graph contains the other/);
  assert.throws(() => g.op("Exp", [inner]), /is not visible there/);
  assert.throws(() => right.capture(inner), /is not visible there/);
  assert.throws(() => add(1, 2), /numbers alone/);
});

Deno.test("building continues where a graph ended, and leaves it alone", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["b", 4]);
  const flat = g.op("NonZero", [x]);
  const sizes = concat([g.op("Shape", [x]), g.constant(int64([1], [1]))], 0);
  g.output(reduceSum(x), "y");
  g.output(flat, "where");
  g.output(sizes, "sizes");
  const first = g.build();
  const text = JSON.stringify(first.nodes);
  const more = GraphBuilder.from(first);
  assert.deepEqual(more.dims(more.value(sizes.name)), ["b", 4, 1]);
  more.output(mul(more.value("y"), 2), "z");
  const unknown = more.op("NonZero", [more.value("x")]).shape[1];
  assert.notEqual(unknown, flat.shape[1]);
  assert.deepEqual(more.build().outputs.map(({ name }) => name), ["y", "where", "sizes", "z"]);
  assert.equal(JSON.stringify(first.nodes), text);
  assert.deepEqual(GraphBuilder.from(first, { outputs: false }).build().outputs, []);
  assert.throws(() => more.value("nothing"), /Graph "g" has no value "nothing"/);
});

Deno.test("errors name operator, node and types", () => {
  const g = new GraphBuilder("g");
  const [a, b] = [g.input("a", "float32", ["b", 512]), g.input("b", "float32", [768, 8])];
  assert.throws(() => g.scope("encoder.0", () => g.op("MatMul", [a, b], {}, { name: "q" })), {
    name: "InputError",
    message:
      'Cannot infer MatMul node "encoder.0/q" from inputs (float32[b, 512], float32[768, 8]): Cannot multiply A and B: inner dimensions are 512 and 768',
  });
  assert.throws(
    () => matmul(a, g.input("c", "int64", [512])),
    /element types differ: float32 and int64/,
  );
  assert.throws(
    () => g.op("Nonsense", [a]),
    /operator "Nonsense" in node "Nonsense_0": it has no schema/,
  );
  assert.throws(() => g.op("Add", [a]), /Cannot give 1 inputs to Add node "Add_\d+": expected 2/);
  assert.throws(() => g.op("Add", [undefined, a]), /Cannot omit input 0 of Add node/);
  assert.throws(
    () => g.op("Exp", [a], { axis: 1 }),
    /Unknown attribute "axis" of Exp node .*: it has none/,
  );
  assert.throws(
    () => g.op("Softmax", [a], { axis: 0.5 }),
    /"axis" of Softmax node .* is 0.5: expected kind int/,
  );
  assert.throws(
    () => g.ops("TopK", [a, a], {}, { outputs: 1 }),
    /Cannot take 1 outputs from TopK node/,
  );
  assert.throws(() => g.input("n", "float32", [-2]), /a size is negative/);
  assert.throws(
    () =>
      g.initializer({
        name: "w",
        type: { dtype: "float32", shape: [3] },
        data: zeros("float32", [2]),
      }),
    /"w" of type float32\[3\] from a tensor float32\[2\]/,
  );
});
