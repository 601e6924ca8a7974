import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { allSchemas } from "@decorum/onnx";
import { disjointUnion, families, opStates } from "./table.ts";
import { gradientCases } from "./testing/cases/mod.ts";
import { refusedCases } from "./testing/cases/refused.ts";
import { stepwiseCases } from "./testing/cases/stepwise.ts";

const inState = (kind: string) =>
  Object.keys(opStates).filter((opType) => opStates[opType]?.kind === kind).sort();

Deno.test("every operator of the ONNX package has a state, and every state an operator", () => {
  assert.deepEqual(Object.keys(opStates).sort(), allSchemas().map(({ opType }) => opType));
});

Deno.test("an operator with two states is an error when the table is made", () => {
  const state = { kind: "no gradient" } as const;
  assert.throws(
    () => disjointUnion([{ Add: state, Mul: state }, { Mul: state }]),
    /^Error: internal: operator Mul has two states \(no gradient and no gradient\)/,
  );
});

Deno.test("every rule has a check in its family's file, with a name for each case", () => {
  for (const [family, states] of Object.entries(families)) {
    const cases = gradientCases[family] ?? {};
    assert.deepEqual(Object.keys(cases).sort(), Object.keys(states).sort(), family);
    for (const [opType, list] of Object.entries(cases)) {
      assert.ok(list.length > 0, `${opType} has no case`);
      const names = list.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length, `${opType} names a case twice`);
    }
    const file = new URL(`./vjp/${family}.ts`, import.meta.url);
    assert.match(readFileSync(file, "utf8"), new RegExp(`export const ${family}\\b`));
  }
});

Deno.test("every operator without a rule has a check", () => {
  assert.deepEqual(Object.keys(stepwiseCases).sort(), inState("no gradient"));
  assert.deepEqual(Object.keys(refusedCases).sort(), inState("not differentiable"));
});
