import { InputError, type Tensor, tensor } from "@decorum/tensor";
import { type RunningMoments, runningStd, updateMoments } from "./running_moments.ts";

/** Scores of the reward model, one per response: `[batch]`. */
export type Scores = Tensor<"float32">;

/** Added to the standard deviation before dividing: float32's epsilon, as TRL does. */
const STD_EPSILON = 2 ** -23;

/**
 * Takes `scores` into the running moments, then divides by their standard deviation ("scale", TRL's
 * `use_score_scaling`) or subtracts their mean first ("norm", with `use_score_norm` on top).
 */
export function normalizeScores(
  scores: Scores,
  moments: RunningMoments,
  kind: "scale" | "norm",
): { readonly scores: Scores; readonly moments: RunningMoments } {
  checkScores(scores);
  const next = updateMoments(moments, scores.data);
  const shift = kind === "norm" ? next.mean : 0;
  const scale = runningStd(next) + STD_EPSILON;
  return { scores: mapScores(scores, (s) => (s - shift) / scale), moments: next };
}

/** Scores limited to `[-limit, limit]`, TRL's `score_clip`; InputError when `limit` is not above 0. */
export function clipScores(scores: Scores, limit: number): Scores {
  if (!(limit > 0)) throw new InputError(`scoreClip is ${limit}: expected a number above 0`);
  return mapScores(scores, (s) => Math.min(limit, Math.max(-limit, s)));
}

/**
 * Subtracts `penalty` from the score of every response that does not end with eos, TRL's
 * `missing_eos_penalty`. Apply it after normalisation and clipping, or they take it away again.
 *
 * @param hasEos whether the response holds an eos token, `[batch]`
 * @throws InputError when `hasEos` has another length
 */
export function penalizeMissingEos(
  scores: Scores,
  hasEos: readonly boolean[],
  penalty: number,
): Scores {
  if (hasEos.length !== scores.data.length) {
    throw new InputError(
      `hasEos has ${hasEos.length} elements: expected ${scores.data.length}, one per score`,
    );
  }
  return mapScores(scores, (s, i) => hasEos[i] ? s : s - penalty);
}

/**
 * Checks that `scores` is `[batch]` and finite.
 *
 * @throws InputError when it is not
 */
export function checkScores(scores: Scores, batch = scores.dims[0] ?? 0): void {
  if (scores.dims.length !== 1 || scores.dims[0] !== batch) {
    throw new InputError(
      `"scores" has shape [${scores.dims}]: expected [${batch}], one per response`,
    );
  }
  const bad = scores.data.findIndex((s) => !Number.isFinite(s));
  if (bad >= 0) {
    throw new InputError(
      `The score of response ${bad} is ${
        scores.data[bad]
      }: expected a finite number; look at the reward model`,
    );
  }
}

function mapScores(scores: Scores, f: (score: number, i: number) => number): Scores {
  return tensor("float32", scores.dims, scores.data.map(f));
}
