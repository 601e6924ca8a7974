import assert from "node:assert/strict";
import { buildDecodeGraph, buildEncodeGraph } from "@decorum/generation";
import { buildForwardGraph, openCheckpoint, openPolicyModel } from "@decorum/models";
import { lora, TinyT5 } from "@decorum/testing/t5";
import { productOperations, productsOnly } from "./products.ts";

Deno.test("the products of a policy's graphs have sizes that follow from prompts, responses and lengths", () => {
  using folder = new TinyT5();
  using index = openCheckpoint(folder.model);
  const spec = { model: openPolicyModel(folder.model), index, lora, valueHead: true };
  const sizes = new Map(
    Object.entries({ prompts: 3, responses: 2, source: 7, target: 5, tokens: 30 }),
  );
  const one = new Map([...sizes, ["responses", 1], ["tokens", 15]] as const);
  const forward = buildForwardGraph(spec);
  const encode = productOperations(buildEncodeGraph(spec).graph, sizes);
  // Two responses to a prompt cost the encoder, and the keys of its rows, once.
  const [both, single] = [forward.graph, forward.graph].map((graph, i) =>
    productOperations(graph, i === 0 ? sizes : one)
  );
  assert.ok(both! - encode < 2 * (single! - encode) && both! > single!, `${both} ${single}`);
  assert.ok(Object.keys(productsOnly(forward, sizes).feeds).length > 0);
  assert.ok(buildDecodeGraph(spec).graph.nodes.length > 0);
});
