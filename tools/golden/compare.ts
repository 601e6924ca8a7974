import { castTensor, type Tensor } from "@decorum/tensor";

export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

/** How far one tensor is from what was recorded. */
export interface Comparison {
  readonly name: string;
  /** Largest |found - expected|; NaN where shapes differ. */
  readonly error: number;
  readonly ok: boolean;
  /** Why it is not ok. */
  readonly problem?: string;
}

/** Every element must satisfy |found - expected| <= atol + rtol |expected|, as numpy's allclose. */
export function compare(
  name: string,
  found: Tensor | undefined,
  expected: Tensor,
  { atol, rtol }: Tolerance,
): Comparison {
  const fail = (problem: string): Comparison => ({ name, error: NaN, ok: false, problem });
  if (!found) return fail("not computed");
  if (found.data.length !== expected.data.length) {
    return fail(`shape [${found.dims}]; expected [${expected.dims}]`);
  }
  const [a, b] = [numbers(found), numbers(expected)];
  let error = 0;
  let missed = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= error)) error = difference;
    if (!(difference <= atol + rtol * Math.abs(b[i]!))) missed++;
  }
  return missed === 0 ? { name, error, ok: true } : {
    name,
    error,
    ok: false,
    problem: `${missed} of ${b.length} elements miss atol ${atol}, rtol ${rtol}`,
  };
}

function numbers(t: Tensor): ArrayLike<number> {
  return t.dtype === "int64"
    ? Array.from(t.data as BigInt64Array, Number)
    : castTensor(t, "float32").data;
}
