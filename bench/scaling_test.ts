import assert from "node:assert/strict";
import { benchScaling } from "./scaling.ts";

Deno.test("every policy is at a group at once, and none at two", async () => {
  const rows = await benchScaling({ delay: 20, groups: 8, rounds: 1, replicas: [1, 2, 4] });
  assert.deepEqual(rows.map((row) => row.in_flight), [1, 2, 4]);
});
