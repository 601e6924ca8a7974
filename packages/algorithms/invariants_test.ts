import assert from "node:assert/strict";
import {
  checkFirstRatio,
  checkFirstStepKl,
  checkLogprobAgreement,
  type InvariantCheck,
  InvariantError,
  requireInvariant,
} from "./invariants.ts";

const logprobs = Float32Array.of(-1, -2, -3, -4, -5);
const common = { logprobs, offsets: [0, 2, 5], precision: "fp32" } as const;
const shifted = (by: number, at = 3) => logprobs.map((x, i) => i === at ? x + by : x);

function messageOf(check: InvariantCheck): string {
  assert.ok(!check.ok);
  assert.throws(() => requireInvariant(check), InvariantError);
  return check.message;
}

Deno.test("equal log-probabilities hold every invariant exactly", () => {
  for (const check of [checkFirstStepKl, checkFirstRatio, checkLogprobAgreement]) {
    const found = check({ ...common, others: logprobs });
    assert.deepEqual(found, { ok: true, maxError: 0 });
    requireInvariant(found);
  }
});

Deno.test("the tolerance is 1e-3 in fp32 and 1e-2 in half precision", () => {
  const agree = (by: number, precision: "fp32" | "fp16" | "bf16") =>
    checkLogprobAgreement({ ...common, others: shifted(by), precision }).ok;
  assert.deepEqual([agree(9e-4, "fp32"), agree(2e-3, "fp32")], [true, false]);
  assert.deepEqual([agree(9e-3, "fp16"), agree(2e-2, "fp16")], [true, false]);
  assert.deepEqual([agree(9e-3, "bf16"), agree(2e-2, "bf16")], [true, false]);
});

Deno.test("a disagreement names sequence, token, both numbers and how many", () => {
  const check = checkLogprobAgreement({ ...common, others: shifted(-0.5) });
  assert.equal(check.maxError, 0.5);
  assert.match(
    messageOf(check),
    /sequence 1, token 1 has log-probability -4, rollout -4.5 \(1 of 5 tokens beyond 0.001\)/,
  );
});

Deno.test("KL to the wrong reference and a ratio that is not 1 are found", () => {
  const kl = checkFirstStepKl({ ...common, others: shifted(-1, 0) });
  assert.match(messageOf(kl), /KL to the reference is not 0 .* sequence 0, token 0/);
  const ratio = checkFirstRatio({ ...common, others: shifted(-1) });
  assert.ok(Math.abs(ratio.maxError - (Math.E - 1)) < 1e-9);
  assert.match(messageOf(ratio), /ratio is not 1 on the first mini-batch/);
});

Deno.test("NaN is the worst disagreement there is; other lengths are refused", () => {
  for (const precision of ["fp32", "bf16"] as const) {
    const others = Float32Array.of(NaN, -2, -3, -9, -5);
    const check = checkLogprobAgreement({ ...common, others, precision });
    assert.equal(check.maxError, Infinity);
    assert.match(
      messageOf(check),
      /sequence 0, token 0 has log-probability -1, rollout NaN \(2 of 5/,
    );
  }
  assert.throws(() => checkFirstRatio({ ...common, others: logprobs.slice(1) }), /4 numbers/);
});
