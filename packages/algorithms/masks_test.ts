import assert from "node:assert/strict";
import { float32, InputError } from "@decorum/tensor";
import { lastTokens, mapMasked, responseMask, tokenCount, tokenShape } from "./masks.ts";

Deno.test("a mask has 1 for every token of a response", () => {
  assert.deepEqual(responseMask([2, 3, 1]), float32([3, 3], [1, 1, 0, 1, 1, 1, 1, 0, 0]));
  assert.deepEqual(responseMask([1], 3), float32([1, 3], [1, 0, 0]));
});

Deno.test("a response of no token or beyond the padded length is refused", () => {
  assert.throws(() => responseMask([2, 0]), /Response 1 has 0 tokens: expected .* from 1 to 2/);
  assert.throws(() => responseMask([3], 2), InputError);
});

Deno.test("the last token of a response ignores padding and holes", () => {
  assert.deepEqual(lastTokens(responseMask([2, 4, 1])), [1, 3, 0]);
  assert.deepEqual(lastTokens(float32([1, 5], [0, 1, 0, 1, 0])), [3]);
  assert.throws(() => lastTokens(float32([2, 2], [1, 0, 0, 0])), /Response 1 has no token/);
});

Deno.test("a mask holds 0 and 1 only", () => {
  assert.equal(tokenCount(responseMask([2, 3])), 5);
  assert.throws(() => tokenCount(float32([1, 2], [1, 0.5])), /mask is 0.5 at element 1/);
  assert.throws(() => tokenCount(float32([1, 2], [NaN, 1])), /mask is NaN at element 0/);
});

Deno.test("what padding holds never counts", () => {
  const values = [1, NaN, Infinity, 4];
  const mask = float32([2, 2], [1, 0, 0, 1]);
  assert.deepEqual(mapMasked(mask, (i) => values[i]!), float32([2, 2], [1, 0, 0, 4]));
});

Deno.test("shapes are checked by name", () => {
  const mask = responseMask([2, 3]);
  assert.deepEqual(tokenShape({ mask }), { batch: 2, time: 3 });
  assert.throws(() => tokenShape({ mask, values: responseMask([2, 2]) }), {
    name: "InputError",
    message: '"values" has shape [2,2]: expected [2,3], the shape of "mask"',
  });
  // Same number of elements, other rank.
  assert.throws(() => tokenShape({ mask, values: float32([6], mask.data) }), InputError);
  assert.throws(() => tokenShape({ mask: float32([2], [1, 1]) }), {
    name: "InputError",
    message: '"mask" has shape [2]: expected [batch, time]',
  });
  assert.throws(() => tokenShape({ mask: float32([0, 3], []) }), {
    name: "InputError",
    message: '"mask" has shape [0,3]: expected at least one sequence and one token',
  });
});
