import type { Precision, Tensor } from "@decorum/tensor";
import { tokenShape, type TokenTensor } from "./masks.ts";

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

/** An invariant of PPO does not hold: rollout and trainer do not run the same policy. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Throws an {@link InvariantError} with the message of a check that failed. */
export function requireInvariant(check: InvariantCheck): void {
  if (!check.ok) throw new InvariantError(check.message);
}

/**
 * Before the first update the policy is the reference, so KL is 0: every token's log-probability is the
 * same under both, within rounding. Tensors `[batch, time]`.
 */
export function checkFirstStepKl(
  { logprobs, refLogprobs, mask, precision }: {
    readonly logprobs: TokenTensor;
    readonly refLogprobs: TokenTensor;
    readonly mask: TokenTensor;
    readonly precision: Precision;
  },
): InvariantCheck {
  tokenShape({ mask, logprobs, refLogprobs });
  return compare(
    mask,
    logprobError(logprobs, refLogprobs),
    logprobTolerance[precision],
    (at) =>
      `KL to the reference is not 0 before the first update: ${
        at(logprobs, refLogprobs, "reference")
      }; ` +
      "the reference must be the base model when training starts from it, or the frozen start adapter",
  );
}

/** On the first mini-batch nothing was updated yet, so `exp(logprob - oldLogprob)` is 1 within rounding. */
export function checkFirstRatio(
  { logprobs, oldLogprobs, mask, precision }: {
    readonly logprobs: TokenTensor;
    readonly oldLogprobs: TokenTensor;
    readonly mask: TokenTensor;
    readonly precision: Precision;
  },
): InvariantCheck {
  tokenShape({ mask, logprobs, oldLogprobs });
  const error = (i: number) => Math.abs(Math.exp(logprobs.data[i]! - oldLogprobs.data[i]!) - 1);
  return compare(
    mask,
    error,
    logprobTolerance[precision],
    (at) =>
      `The ratio is not 1 on the first mini-batch: ${at(logprobs, oldLogprobs, "rollout")}; ` +
      "compare adapter version, temperature and dropout of both forwards",
  );
}

/**
 * Log-probabilities that came with the rollout against the trainer's own forward. On disagreement the
 * caller recomputes all of them and says so. Tensors `[batch, time]`.
 */
export function checkLogprobAgreement(
  { rollout, trainer, mask, precision }: {
    readonly rollout: TokenTensor;
    readonly trainer: TokenTensor;
    readonly mask: TokenTensor;
    readonly precision: Precision;
  },
): InvariantCheck {
  tokenShape({ mask, rollout, trainer });
  return compare(
    mask,
    logprobError(trainer, rollout),
    logprobTolerance[precision],
    (at) =>
      `Log-probabilities of rollout and trainer differ: ${at(trainer, rollout, "rollout")}; ` +
      "recompute them all with the trainer, and compare precision, padding and adapter version",
  );
}

/** Every value of the named tensors is a finite number, inside the mask when one is given. */
export function checkFinite(
  tensors: Readonly<Record<string, Tensor<"float32">>>,
  mask?: TokenTensor,
): InvariantCheck {
  if (mask !== undefined) tokenShape({ mask, ...tensors });
  for (const [name, { data, dims }] of Object.entries(tensors)) {
    const bad = data.findIndex((x, i) => mask?.data[i] !== 0 && !Number.isFinite(x));
    if (bad >= 0) {
      const message =
        `"${name}" [${dims}] is ${data[bad]} at element ${bad}: expected finite numbers; ` +
        "skip this update";
      return { ok: false, maxError: Infinity, message };
    }
  }
  return { ok: true, maxError: 0 };
}

function logprobError(a: TokenTensor, b: TokenTensor): (i: number) => number {
  return (i) => Math.abs(a.data[i]! - b.data[i]!);
}

type Locate = (found: TokenTensor, other: TokenTensor, otherName: string) => string;

function compare(
  mask: TokenTensor,
  error: (i: number) => number,
  tolerance: number,
  describe: (at: Locate) => string,
): InvariantCheck {
  const { time } = tokenShape({ mask });
  let worst = -1;
  let maxError = 0;
  let beyond = 0;
  let tokens = 0;
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i] !== 1) continue;
    tokens++;
    const e = error(i);
    if (!(e <= tolerance)) beyond++;
    // NaN compares false with everything; it is the worst there is.
    if (!(e <= maxError)) [worst, maxError] = [i, Number.isNaN(e) ? Infinity : e];
  }
  if (beyond === 0) return { ok: true, maxError };
  const at: Locate = (found, other, otherName) =>
    `sequence ${Math.floor(worst / time)}, token ${worst % time} has log-probability ` +
    `${found.data[worst]}, ${otherName} ${other.data[worst]} (${beyond} of ${tokens} tokens ` +
    `beyond ${tolerance})`;
  return { ok: false, maxError, message: describe(at) };
}
