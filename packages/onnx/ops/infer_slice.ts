import { addDims, subDims } from "../dims.ts";
import type { Dim } from "../graph.ts";

/** Bounds at least this large mean "to the end". */
const OPEN = 2 ** 31 - 1;

/**
 * Size that `[start:end:step]` leaves of a dimension; `undefined` where only the run knows it. A symbol is
 * taken to be as large as what is cut from its ends (`k:`, `:-k`), and at least 1; but `:k` of a symbol may
 * be a truncation and stays unknown.
 */
export function sliceDim(
  dim: Dim,
  start: Dim | undefined,
  end: Dim | undefined,
  step: number,
): Dim | undefined {
  if (start === undefined || end === undefined || step === 0) return undefined;
  if (typeof dim === "number" && typeof start === "number" && typeof end === "number") {
    return sliceLength(dim, start, end, step);
  }
  if (step === -1) {
    return typeof start === "number" && typeof end === "number" &&
        (start === -1 || start >= OPEN) && end <= -OPEN
      ? dim
      : undefined;
  }
  if (step !== 1) return undefined;
  if (start === -1 && open(end)) return 1;
  if (typeof start === "number" && start < 0) return undefined;
  if (open(end)) return subDims(dim, start);
  if (typeof end === "number") {
    if (end < 0) return subDims(addDims(dim, end), start);
    return start === end - 1 ? 1 : undefined;
  }
  return subDims(end, start);
}

function open(end: Dim): boolean {
  return typeof end === "number" && end >= OPEN;
}

function sliceLength(size: number, start: number, end: number, step: number): number {
  const fromEnd = (bound: number) => (bound < 0 ? bound + size : bound);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const limit = (bound: number) => Math.min(Math.max(bound, low), high);
  return Math.max(0, Math.ceil((limit(fromEnd(end)) - limit(fromEnd(start))) / step));
}
