import type { Params } from "./params.ts";

/** Where the first value that is not a finite number lies. */
export interface NonFinite {
  /** Name of the tensor. */
  readonly name: string;
  /** Flat row-major position in it. */
  readonly index: number;
  /** NaN, Infinity or -Infinity. */
  readonly value: number;
}

/** The first NaN or infinity in `tensors`, or undefined when all are finite. */
export function findNonFinite(tensors: Params): NonFinite | undefined {
  for (const [name, { data }] of tensors) {
    const index = data.findIndex((x) => !Number.isFinite(x));
    if (index >= 0) return { name, index, value: data[index]! };
  }
  return undefined;
}

/** A gradient holds NaN or infinity: the caller skips the update, counts it and says so. */
export class NonFiniteGradientError extends Error {
  override readonly name = "NonFiniteGradientError";
  /** The first such value. */
  readonly at: NonFinite;

  constructor(at: NonFinite) {
    super(
      `The gradient of "${at.name}" is ${at.value} at element ${at.index}: expected finite numbers; ` +
        "skip this update, and lower the learning rate if it happens again",
    );
    this.at = at;
  }
}
