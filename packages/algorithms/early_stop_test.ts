import assert from "node:assert/strict";
import { shouldStopEarly } from "./early_stop.ts";

Deno.test("epochs end beyond 1.5 times the target, not at it", () => {
  assert.equal(shouldStopEarly(0.15, 0.1), false);
  assert.equal(shouldStopEarly(0.16, 0.1), true);
});
