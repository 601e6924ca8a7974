/** A function of several named vectors, with its vector-Jacobian product, to be checked against differences. */
export interface Checked {
  /** The outputs at this point, one after the other. */
  forward(point: Point): Promise<Float64Array>;
  /** Gradient of `<u, forward(point)>` by every vector, for the cotangent `u`. */
  gradient(point: Point, u: Float64Array): Promise<Point>;
}

export type Point = ReadonlyMap<string, Float64Array>;

/** How far a difference goes, and how close it must come. */
interface Accuracy {
  readonly step: number;
  readonly tolerance: number;
}

/**
 * With directions of elements 1 and -1 the difference's error is step^4 / 30 times a fifth derivative (of
 * 1/x at 0.5: 7680), plus the rounding of the outputs divided by the step: 1e-12 each in float64. In
 * float32 rounding decides: about 6e-8 / step for each output, 2e-5 together.
 */
export const accuracyOf: Readonly<Record<"float64" | "float32", Accuracy>> = {
  float64: { step: 2 ** -12, tolerance: 1e-8 },
  float32: { step: 2 ** -5, tolerance: 2e-4 },
};

/**
 * <v, vjp(u)> against the derivative of <u, f> along `v`, by central differences of fourth order.
 *
 * @returns their distance as a multiple of what is tolerated: above 1 is a wrong rule
 */
export async function projectedError(
  f: Checked,
  point: Point,
  u: Float64Array,
  v: Point,
  { step, tolerance }: Accuracy,
): Promise<number> {
  const gradient = await f.gradient(point, u);
  const [product, magnitude] = inner(gradient, v);
  const along = async (k: number) => dot(await f.forward(moved(point, v, k * step)), u);
  const [near, far] = [await along(1) - await along(-1), await along(2) - await along(-2)];
  const difference = (8 * near - far) / (12 * step);
  return Math.abs(product - difference) / (tolerance * (1 + magnitude));
}

/** The point a step along `v`. */
function moved(point: Point, v: Point, step: number): Point {
  return new Map([...point].map(([name, x]) => {
    const direction = v.get(name);
    return [name, direction ? x.map((value, i) => value + step * (direction[i] ?? 0)) : x];
  }));
}

function dot(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) throw new Error(`internal: ${a.length} and ${b.length} elements`);
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

/** <a, b> and the sum of its terms' magnitudes, which is what it can be accurate to. */
function inner(a: Point, b: Point): [product: number, magnitude: number] {
  let [product, magnitude] = [0, 0];
  for (const [name, x] of a) {
    const y = b.get(name) ?? new Float64Array(x.length);
    product += dot(x, y);
    magnitude += x.reduce((sum, value, i) => sum + Math.abs(value * (y[i] ?? 0)), 0);
  }
  return [product, magnitude];
}
