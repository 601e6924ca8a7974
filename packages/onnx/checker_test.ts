import assert from "node:assert/strict";
import { float32, InputError, zeros } from "@decorum/tensor";
import { add, type Graph, GraphBuilder, loop, type Node, reshape } from "./mod.ts";
import { checkGraph } from "./checker.ts";

/** `y = (x + w) + w` with a loop after it. */
function sample(): Graph {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["b", 2]);
  const w = g.constant(float32([2], [1, 2]), "w");
  const sum = g.op("Add", [x, w], {}, { name: "sum" });
  const { carried } = loop(2, undefined, [sum], (_b, _i, _c, h) => ({ carried: [add(h, w)] }));
  g.output(carried[0]!, "y");
  return g.build();
}

function refuses(change: (graph: Graph) => Partial<Graph>, message: RegExp): void {
  const graph = sample();
  assert.throws(() => checkGraph({ ...graph, ...change(graph) }), (error) => {
    assert.ok(error instanceof InputError);
    assert.match(error.message, message);
    return true;
  });
}

function changeNode(graph: Graph, index: number, change: Partial<Node>): Partial<Graph> {
  return { nodes: graph.nodes.with(index, { ...graph.nodes[index]!, ...change }) };
}

Deno.test("a built graph is valid", () => checkGraph(sample()));

Deno.test("names are defined once and before they are read", () => {
  refuses((g) => changeNode(g, 0, { inputs: ["x", "later"] }), /node "sum" .*"later" as input 1/);
  refuses((g) => ({ nodes: g.nodes.toReversed() }), /no such value is defined before it/);
  refuses((g) => ({ nodes: [...g.nodes, g.nodes[0]!] }), /two nodes are named "sum"/);
  refuses(
    (g) => ({ nodes: [...g.nodes, { ...g.nodes[0]!, name: "n" }] }),
    /node "n" .*"sum" is defined twice/,
  );
  refuses((g) => ({ inputs: [...g.inputs, g.inputs[0]!] }), /input "x": "x" is defined twice/);
});

Deno.test("outputs are defined and types recorded as inferred", () => {
  const type = { dtype: "float32", shape: ["b", 2] } as const;
  refuses(() => ({ outputs: [{ name: "none", type }] }), /output "none": nothing computes it/);
  refuses((g) => ({ outputs: [...g.outputs, ...g.outputs] }), /listed twice/);
  refuses(
    (g) => ({ types: new Map([...g.types, ["sum", { dtype: "float32", shape: ["b", 3] }]]) }),
    /"sum" is recorded as float32\[b, 3\], but float32\[b, 2\] is inferred/,
  );
  refuses(
    (g) => ({ types: new Map([...g.types].filter(([name]) => name !== "sum")) }),
    /not recorded/,
  );
  refuses(
    (g) => ({ types: new Map([...g.types, ["ghost", type]]) }),
    /"ghost", which the graph does not define/,
  );
  refuses(
    (g) => ({
      inputs: [{ name: "x", type: { dtype: "float32", shape: ["b", "2 * 1"] } }],
      types: g.types,
    }),
    /canonical/,
  );
});

Deno.test("attributes are known and of their kind", () => {
  refuses(
    (g) => changeNode(g, 0, { attributes: { axis: 1 } }),
    /node "sum".*Unknown attribute "axis"/,
  );
  refuses(
    (g) => changeNode(g, 0, { opType: "Softmax", inputs: ["x"], attributes: { axis: "1" } }),
    /kind int/,
  );
  refuses(
    (g) => changeNode(g, 0, { opType: "Custom" }),
    /"Custom" in node "sum": it has no schema/,
  );
});

Deno.test("subgraphs are checked within what is visible to them", () => {
  const change = (body: (graph: Graph) => Partial<Graph>) => (g: Graph) => {
    const at = g.nodes.findIndex(({ opType }) => opType === "Loop");
    const old = g.nodes[at]!.attributes.body as Graph;
    return changeNode(g, at, { attributes: { body: { ...old, ...body(old) } } });
  };
  refuses(
    change((b) => changeNode(b, 0, { inputs: ["y", "w"] })),
    /graph "Loop": node .*"y" as input 0/,
  );
  refuses(
    change((b) => ({
      inputs: b.inputs.with(2, { ...b.inputs[2]!, name: "x" }),
    })),
    /graph "Loop": input "x": "x" is also a value of a graph around it/,
  );
});

Deno.test("initializers are as long as their type says, and files stay below the model", () => {
  const type = { dtype: "float32", shape: [2] } as const;
  const external = (location: string, offset = 0, length = 8) => (g: Graph) => ({
    initializers: new Map([...g.initializers, ["w", {
      name: "w",
      type,
      external: { location, offset, length },
    }]]),
  });
  refuses(
    (g) => ({
      initializers: new Map([...g.initializers, ["w", {
        name: "w",
        type,
        data: zeros("float32", [3]),
      }]]),
    }),
    /initializer "w": its data is float32\[3\]: expected float32\[2\]/,
  );
  refuses(
    (g) => ({
      initializers: new Map([...g.initializers, [
        "w",
        { name: "w", type, data: { dtype: "float32", dims: [2], data: new Float32Array(1) } },
      ]]),
    }),
    /holds 1 elements: expected 2/,
  );
  refuses(external("w.bin", 0, 4), /4 bytes of "w.bin" are given: expected 8 for float32\[2\]/);
  refuses(external("w.bin", -1), /offset of "w.bin" is -1/);
  for (
    const location of ["../w.bin", "a/../../w.bin", "/w.bin", "C:/w.bin", "a\\w.bin", "", "a//b"]
  ) {
    refuses(external(location), /initializer "w": location/);
  }
});

Deno.test("all problems come in one error", () => {
  const graph = sample();
  const broken = { ...graph, ...changeNode(graph, 0, { opType: "Custom" }), outputs: [] };
  const bad = { ...broken, types: new Map([...graph.types, ["ghost", graph.inputs[0]!.type]]) };
  assert.throws(() => checkGraph(bad), /is not valid:\n- .*Custom.*\n- .*ghost/);
});

Deno.test("a size that only the run knows may be recorded as any one symbol", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["b", 4]);
  g.output(reshape(x, g.input("sizes", "int64", [2])), "y");
  const graph = g.build();
  const type = { dtype: "float32", shape: ["rows", 8] } as const;
  checkGraph({
    ...graph,
    types: new Map([...graph.types, ["Reshape_0", type], ["y", type]]),
    outputs: [{ name: "y", type }],
  });
});
