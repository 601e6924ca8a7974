import assert from "node:assert/strict";
import { float32 } from "@decorum/tensor";
import {
  checkFinite,
  checkFirstRatio,
  checkFirstStepKl,
  checkLogprobAgreement,
  type InvariantCheck,
  InvariantError,
  requireInvariant,
} from "./invariants.ts";
import { responseMask } from "./masks.ts";

const mask = responseMask([2, 3]);
const logprobs = float32([2, 3], [-1, -2, NaN, -3, -4, -5]);
const shifted = (by: number, at = 4) =>
  float32([2, 3], logprobs.data.map((x, i) => i === at ? x + by : x));

function messageOf(check: InvariantCheck): string {
  assert.ok(!check.ok);
  assert.throws(() => requireInvariant(check), InvariantError);
  return check.message;
}

Deno.test("equal log-probabilities hold every invariant exactly; padding does not count", () => {
  const common = { logprobs, mask, precision: "fp32" } as const;
  const ok = { ok: true, maxError: 0 };
  assert.deepEqual(checkFirstStepKl({ ...common, refLogprobs: logprobs }), ok);
  assert.deepEqual(checkFirstRatio({ ...common, oldLogprobs: logprobs }), ok);
  const agreement = checkLogprobAgreement({ ...common, rollout: logprobs, trainer: logprobs });
  assert.deepEqual(agreement, ok);
  requireInvariant(agreement);
});

Deno.test("the tolerance is 1e-3 in fp32 and 1e-2 in half precision", () => {
  const agree = (by: number, precision: "fp32" | "fp16" | "bf16") =>
    checkLogprobAgreement({ rollout: shifted(by), trainer: logprobs, mask, precision }).ok;
  assert.deepEqual([agree(9e-4, "fp32"), agree(2e-3, "fp32")], [true, false]);
  assert.deepEqual([agree(9e-3, "fp16"), agree(2e-2, "fp16")], [true, false]);
  assert.deepEqual([agree(9e-3, "bf16"), agree(2e-2, "bf16")], [true, false]);
});

Deno.test("a disagreement names sequence, token, both numbers and how many", () => {
  const check = checkLogprobAgreement({
    rollout: shifted(-0.5),
    trainer: logprobs,
    mask,
    precision: "fp32",
  });
  assert.equal(check.maxError, 0.5);
  assert.match(
    messageOf(check),
    /sequence 1, token 1 has log-probability -4, rollout -4.5 \(1 of 5 tokens beyond 0.001\)/,
  );
});

Deno.test("KL to the wrong reference and a ratio that is not 1 are found", () => {
  const common = { logprobs, mask, precision: "fp32" } as const;
  const kl = checkFirstStepKl({ ...common, refLogprobs: shifted(-1, 0) });
  assert.match(messageOf(kl), /KL to the reference is not 0 .* sequence 0, token 0/);
  const ratio = checkFirstRatio({ ...common, oldLogprobs: shifted(-1) });
  assert.ok(Math.abs(ratio.maxError - (Math.E - 1)) < 1e-9);
  assert.match(messageOf(ratio), /ratio is not 1 on the first mini-batch/);
});

Deno.test("NaN within the mask is the worst disagreement there is", () => {
  for (const precision of ["fp32", "bf16"] as const) {
    const bad = float32([2, 3], [NaN, -2, 0, -3, -9, -5]);
    const check = checkLogprobAgreement({ rollout: bad, trainer: logprobs, mask, precision });
    assert.equal(check.maxError, Infinity);
    assert.match(
      messageOf(check),
      /sequence 0, token 0 has log-probability -1, rollout NaN \(2 of 5/,
    );
  }
});

Deno.test("what is not finite is named, outside the mask only without one", () => {
  assert.deepEqual(checkFinite({ logprobs }, mask), { ok: true, maxError: 0 });
  assert.match(messageOf(checkFinite({ logprobs })), /"logprobs" \[2,3\] is NaN at element 2/);
  const values = float32([2, 3], [1, 1, 1, 1, -Infinity, 1]);
  assert.match(messageOf(checkFinite({ logprobs, values }, mask)), /"values" .* is -Infinity/);
  assert.ok(checkFinite({ loss: float32([], [1]) }).ok);
});
