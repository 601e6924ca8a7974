import type { Precision } from "@decorum/tensor";
import { checkTokens, type Offsets } from "./tokens.ts";

/** Largest difference of two log-probabilities of one token, in nats, that rounding explains. */
export const logprobTolerance: Readonly<Record<Precision, number>> = {
  fp32: 1e-3,
  fp16: 1e-2,
  bf16: 1e-2,
};

/** Outcome of a check: `message` says what is wrong when `ok` is false. */
export type InvariantCheck =
  | { readonly ok: true; readonly maxError: number }
  | { readonly ok: false; readonly maxError: number; readonly message: string };

/** An invariant of the algorithm does not hold: rollout and trainer do not run the same policy. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Throws an {@link InvariantError} with the message of a check that failed. */
export function requireInvariant(check: InvariantCheck): void {
  if (!check.ok) throw new InvariantError(check.message);
}

/** Two log-probabilities of every token, `[tokens]`, that should be the same. */
export interface Compared {
  /** By the trainer's own forward. */
  readonly logprobs: Float32Array;
  /** By the reference, or by the policy that rolled out. */
  readonly others: Float32Array;
  readonly offsets: Offsets;
  readonly precision: Precision;
}

/**
 * Before the first update the policy is the reference, so KL is 0: every token's log-probability is the
 * same under both, within rounding.
 */
export function checkFirstStepKl(compared: Compared): InvariantCheck {
  return compare(
    compared,
    logprobError(compared),
    "reference",
    (worst) =>
      `KL to the reference is not 0 before the first update: ${worst}; ` +
      "the reference must be the base model when training starts from it, or the frozen start adapter",
  );
}

/** On the first mini-batch nothing was updated yet, so `exp(logprob - oldLogprob)` is 1 within rounding. */
export function checkFirstRatio(compared: Compared): InvariantCheck {
  const { logprobs, others } = compared;
  const error = (i: number) => Math.abs(Math.exp(logprobs[i]! - others[i]!) - 1);
  return compare(
    compared,
    error,
    "rollout",
    (worst) =>
      `The ratio is not 1 on the first mini-batch: ${worst}; ` +
      "compare adapter version, temperature and dropout of both forwards",
  );
}

/**
 * Log-probabilities that came with the rollout against the trainer's own forward. On disagreement the
 * caller recomputes all of them and says so.
 */
export function checkLogprobAgreement(compared: Compared): InvariantCheck {
  return compare(
    compared,
    logprobError(compared),
    "rollout",
    (worst) =>
      `Log-probabilities of rollout and trainer differ: ${worst}; ` +
      "recompute them all with the trainer, and compare precision, padding and adapter version",
  );
}

function logprobError({ logprobs, others }: Compared): (i: number) => number {
  return (i) => Math.abs(logprobs[i]! - others[i]!);
}

function compare(
  { logprobs, others, offsets, precision }: Compared,
  error: (i: number) => number,
  otherName: string,
  describe: (worst: string) => string,
): InvariantCheck {
  const tokens = offsets.at(-1)!;
  checkTokens({ logprobs, [otherName]: others }, tokens);
  const tolerance = logprobTolerance[precision];
  let worst = -1;
  let maxError = 0;
  let beyond = 0;
  for (let i = 0; i < tokens; i++) {
    const e = error(i);
    if (!(e <= tolerance)) beyond++;
    // NaN compares false with everything; it is the worst there is.
    if (!(e <= maxError)) [worst, maxError] = [i, Number.isNaN(e) ? Infinity : e];
  }
  if (beyond === 0) return { ok: true, maxError };
  const sequence = offsets.findLastIndex((offset) => offset <= worst);
  const message = describe(
    `sequence ${sequence}, token ${worst - offsets[sequence]!} has log-probability ` +
      `${logprobs[worst]}, ${otherName} ${others[worst]} (${beyond} of ${tokens} tokens ` +
      `beyond ${tolerance})`,
  );
  return { ok: false, maxError, message };
}
