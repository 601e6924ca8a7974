import assert from "node:assert/strict";
import { Condition } from "./condition.ts";

Deno.test("a condition wakes all who wait, and nobody who comes later", async () => {
  const condition = new Condition();
  const woken: string[] = [];
  const first = condition.wait().then(() => woken.push("first"));
  const second = condition.wait().then(() => woken.push("second"));
  condition.notify();
  const later = condition.wait().then(() => woken.push("later"));
  await Promise.all([first, second]);
  assert.deepEqual(woken, ["first", "second"]);
  condition.notify();
  await later;
});
