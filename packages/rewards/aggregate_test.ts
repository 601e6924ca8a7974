import assert from "node:assert/strict";
import { aggregate, normalize } from "./aggregate.ts";
import recorded from "./testdata/aggregation.json" with { type: "json" };

Deno.test("both aggregations equal NumPy's, nulls and constant terms with them", () => {
  for (const { group, weights, terms, ...expected } of recorded.cases) {
    const weighted = terms.map((scores, i) => ({ weight: weights[i]!, scores }));
    for (const kind of ["sum_then_normalize", "normalize_then_sum"] as const) {
      const found = aggregate(weighted, kind, group);
      expected[kind].forEach((x, i) => assert.ok(Math.abs(x - found[i]!) < 1e-6, `${kind} ${i}`));
    }
  }
});

Deno.test("one term of weight 1 is itself, bit for bit", () => {
  const scores = [0.1, -3.2495, 1e-30, 7];
  assert.deepEqual(aggregate([{ weight: 1, scores }], "sum_then_normalize", 2), scores);
});

Deno.test("a term that is constant in a group adds 0, also where its mean is not exact", () => {
  assert.deepEqual(normalize([0.1, 0.1, 0.1, 0.3, 0.3, 0.3], 3), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(normalize([null, null, 5, null], 2), [null, null, 0, null]);
});

Deno.test("a list of another length, NaN and broken groups are refused by term and response", () => {
  const term = (scores: number[]) => ({ weight: 1, scores });
  assert.throws(
    () => aggregate([term([1, 2]), term([1])], "sum_then_normalize", 1),
    /term 1 has 1/,
  );
  assert.throws(() => aggregate([term([1, NaN])], "sum_then_normalize", 2), /NaN for response 1/);
  assert.throws(() => aggregate([term([1, 2, 3])], "sum_then_normalize", 2), /whole groups/);
});
