import assert from "node:assert/strict";
import { InputError, normals, randomKey, type Tensor } from "@decorum/tensor";
import {
  add,
  cast,
  encodeModel,
  type Graph,
  GraphBuilder,
  mul,
  reduceSum,
  type Value,
} from "@decorum/onnx";
import { createSession, SessionWorker } from "@decorum/runtime";
import { buildGradientGraph } from "./mod.ts";
import { refusedCases } from "./testing/cases/refused.ts";
import { stepwiseCases, type Use } from "./testing/cases/stepwise.ts";
import { count, draw, floats, Inputs } from "./testing/inputs.ts";

const sum = (x: Value) => reduceSum(cast(x, "float32"), undefined, false);

/** A graph of one use with a loss that depends on it. */
function withLoss(opType: string, use: Use): { graph: Graph; inputs: Inputs } {
  const builder = new GraphBuilder(opType);
  const inputs = new Inputs(builder, "float32");
  const y = use(inputs);
  builder.output(y, "y");
  builder.output(sum(y), "loss");
  const graph = builder.build();
  assert.ok(graph.nodes.some((node) => node.opType === opType));
  return { graph, inputs };
}

for (const [opType, use] of Object.entries(refusedCases)) {
  Deno.test(`${opType} on the path is refused by operator and node`, () => {
    const { graph, inputs } = withLoss(opType, use);
    const wrt = inputs.floats.map(({ name }) => name);
    const node = graph.nodes.find((node) => node.opType === opType)!;
    assert.throws(
      () => buildGradientGraph(graph, { loss: "loss", wrt }),
      (error: Error) =>
        error instanceof InputError &&
        error.message.startsWith(`Cannot differentiate ${opType} "${node.name}": `),
    );
  });
}

Deno.test("the walk stops at an operator without gradient", () => {
  for (const [opType, use] of Object.entries(stepwiseCases)) {
    const { graph, inputs } = withLoss(opType, use);
    for (const { name } of inputs.floats) {
      assert.throws(
        () => buildGradientGraph(graph, { loss: "loss", wrt: [name] }),
        /^InputError: .*no path of nodes leads from it to the loss/,
        opType,
      );
    }
    const builder = GraphBuilder.from(graph);
    const x = builder.value("x0");
    const extended = builder.output(add(builder.value("loss"), sum(mul(x, x))), "total");
    const gradient = buildGradientGraph(builder.build(), { loss: extended.name, wrt: ["x0"] });
    assert.ok(!gradient.nodes.some(({ name }) => name.startsWith(`${opType}_0_grad/`)), opType);
  }
});

Deno.test("the output of an operator without gradient stays when its inputs vary a little", async () => {
  using worker = new SessionWorker();
  for (const [opType, use] of Object.entries(stepwiseCases)) {
    const { graph, inputs } = withLoss(opType, use);
    await using session = await createSession({ bytes: encodeModel(graph) }, {
      intraOpThreads: 1,
      graphOptimizationLevel: "disabled",
    }, worker);
    const at = (step: number): Record<string, Tensor> =>
      Object.fromEntries(inputs.floats.map(({ name, dims, domain }, i) => {
        const n = count(dims);
        const x = draw(randomKey(1, opType, name), n, domain, i);
        const v = normals(randomKey(1, opType, name, "v"), 0, n);
        const moved = x.map((value, k) => value + step * (v[k] ?? 0));
        return [name, floats("float32", dims, moved)];
      }));
    const [here, near] = [await session.run(at(0), ["y"]), await session.run(at(1e-3), ["y"])];
    assert.deepEqual(near["y"], here["y"], opType);
  }
});
