/** What is wanted of curves. */
export interface CurvesQuery {
  readonly names: readonly string[];
  /** Points of a curve at most, about. */
  readonly points: number;
  /** First step wanted; 1: from the beginning. */
  readonly from?: number;
  /** Width of the points that the caller has: where that is no longer right, all points are given. */
  readonly width?: number;
}

/** One metric over the points of {@link Curves}: null where it has no value. */
export interface Curve {
  readonly name: string;
  readonly mean: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}

/** Metrics of a run, with `width` steps in a point: their mean, and the lowest and highest of them. */
export interface Curves {
  /** A power of two, so that points stay what they are while the run grows. */
  readonly width: number;
  /** First step of the first point. */
  readonly from: number;
  /** Last step of each point. */
  readonly steps: readonly number[];
  /** When that step was done. */
  readonly unixMs: readonly number[];
  readonly curves: readonly Curve[];
}

/** Steps in a point, where `steps` are to be at most `points`: the least power of two. */
export function widthOf(steps: number, points: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(steps / points)));
}

/** First step of the point that a step lies in; steps begin with 1. */
export function firstOf(step: number, width: number): number {
  return Math.floor((Math.max(1, step) - 1) / width) * width + 1;
}
