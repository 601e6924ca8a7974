import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import { responseMask } from "./masks.ts";
import { trlResponseMask } from "./trl_compat.ts";

Deno.test("TRL's mask lacks the first generated token", () => {
  // ids: start y0 y1 eos | start y0 eos; rows predict y0 y1 eos | y0 eos
  assert.deepEqual(trlResponseMask([4, 3]), float32([2, 3], [0, 1, 1, 0, 1, 0]));
  assert.deepEqual(responseMask([3, 2]), float32([2, 3], [1, 1, 1, 1, 1, 0]));
});

Deno.test("a response of which no token would count is refused", () => {
  assert.throws(() => trlResponseMask([4, 2]), /Response 1 has 2 ids: TRL's mask needs at least 3/);
});
