import assert from "node:assert/strict";
import { allSchemas, encodeModel, GraphBuilder, printGraph } from "../mod.ts";
import { decodeModel } from "../codec/decode.ts";
import * as cases from "../testing/cases.ts";
import { type Case, Inputs } from "../testing/inputs.ts";
import { run } from "@decorum/testing/graph";
import { assertType, SIZES, someFeeds } from "../testing/feeds.ts";

const all: Record<string, Case> = {
  ...cases.elementwiseCases,
  ...cases.logicalCases,
  ...cases.linalgCases,
  ...cases.reductionCases,
  ...cases.shapeCases,
  ...cases.indexingCases,
  ...cases.normalizationCases,
  ...cases.quantizationCases,
  ...cases.controlCases,
};

Deno.test("every operator has a case", () => {
  assert.deepEqual(Object.keys(all).sort(), allSchemas().map(({ opType }) => opType));
});

for (const [opType, make] of Object.entries(all)) {
  Deno.test(`${opType}: inferred types are what onnxruntime returns`, async () => {
    const g = new GraphBuilder(opType);
    const result = make(new Inputs(g));
    for (const [i, value] of [result].flat().entries()) {
      g.output(value, `y${i}`);
    }
    const graph = g.build();
    assert.ok(graph.nodes.some((node) => node.opType === opType), printGraph(graph));
    assert.deepEqual(decodeModel(encodeModel(graph)), graph);
    assert.deepEqual(GraphBuilder.from(graph).build(), graph);
    const results = await run({ graph }, someFeeds(graph), { graphOptimizationLevel: "disabled" });
    const sizes = new Map(SIZES);
    for (const { name, type } of graph.outputs) {
      assertType(results[name]!, type, sizes, `${name} of\n${printGraph(graph)}`);
    }
  });
}
