import assert from "node:assert/strict";
import { opStates } from "@decorum/autodiff";
import { emittedGraphs } from "./emitted_graphs.ts";
import { operatorUses } from "./operator_uses.ts";

Deno.test("every operator of every graph, loops and branches included, has a state of its gradient", () => {
  const graphs = emittedGraphs("float32");
  const stateless = [...graphs].flatMap(([where, { graph }]) =>
    operatorUses(graph).filter(({ opType }) => !Object.hasOwn(opStates, opType))
      .map(({ opType, name }) => `${opType} "${name}" in ${where}`)
  );
  assert.deepEqual(stateless, []);
  const inLoop = operatorUses(graphs.get("decode of t5_lora_grad_flan")!.graph);
  assert.ok(
    inLoop.some(({ name }) => name.startsWith("rounds/generate/")),
    "no operator in the loop",
  );
});

for (const computeType of ["float32", "float16", "bfloat16"] as const) {
  Deno.test(`gradients have the type of their parameters with products in ${computeType}`, () => {
    let gradients = 0;
    for (const [where, { graph }] of emittedGraphs(computeType)) {
      for (const { name, type } of graph.outputs) {
        if (!name.endsWith("_grad")) continue;
        gradients++;
        assert.deepEqual(
          type,
          graph.types.get(name.slice(0, -"_grad".length)),
          `${name} in ${where}`,
        );
      }
    }
    assert.ok(gradients > 100, `${gradients} gradients`);
  });
}
