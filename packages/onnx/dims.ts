import { InputError } from "@decorum/tensor";
import type { Dim, Shape } from "./graph.ts";

/**
 * Arithmetic on dimensions: polynomials with integer coefficients over symbols, in one canonical
 * spelling so that equal dimensions are equal values. Terms are sorted and the number comes first in a
 * product and last in a sum: `4*batch*sequence`, `past+1`, `2*a-b`.
 */

/** Coefficient of each monomial; a monomial is its sorted symbols joined by `*`, empty for the constant. */
type Polynomial = ReadonlyMap<string, number>;

const SYMBOL = /^[A-Za-z_?][\w.:?]*$/;

function parse(dim: Dim): Polynomial {
  if (typeof dim === "number") {
    if (!Number.isSafeInteger(dim)) {
      throw new InputError(`A dimension must be an integer, not ${dim}`);
    }
    return new Map(dim === 0 ? [] : [["", dim]]);
  }
  if (SYMBOL.test(dim)) return new Map([[dim, 1]]);
  const terms = dim.replaceAll(/\s+/g, "").replaceAll(/(?<!^)-/g, "+-").split("+");
  return collect(terms.map((term): [string, number] => {
    const negative = term.startsWith("-");
    let coefficient = negative ? -1 : 1;
    const symbols: string[] = [];
    for (const factor of (negative ? term.slice(1) : term).split("*")) {
      if (/^\d+$/.test(factor)) coefficient *= Number(factor);
      else if (SYMBOL.test(factor)) symbols.push(factor);
      else {
        throw new InputError(
          `"${dim}" is not a dimension: expected a number, a symbol such as "batch", or sums and products of them such as "4*batch*sequence" and "past+1"`,
        );
      }
    }
    return [symbols.sort().join("*"), coefficient];
  }));
}

function collect(terms: Iterable<readonly [string, number]>): Polynomial {
  const sum = new Map<string, number>();
  for (const [monomial, coefficient] of terms) {
    sum.set(monomial, (sum.get(monomial) ?? 0) + coefficient);
  }
  for (const [monomial, coefficient] of sum) if (coefficient === 0) sum.delete(monomial);
  return sum;
}

function format(polynomial: Polynomial): Dim {
  if (polynomial.size === 0) return 0;
  const constant = polynomial.get("");
  if (constant !== undefined && polynomial.size === 1) return constant;
  const monomials = [...polynomial.keys()].filter((m) => m !== "").sort();
  let text = "";
  for (const monomial of monomials) {
    const c = polynomial.get(monomial)!;
    const sign = c < 0 ? "-" : text === "" ? "" : "+";
    text += sign + (Math.abs(c) === 1 ? "" : `${Math.abs(c)}*`) + monomial;
  }
  if (constant !== undefined) text += constant < 0 ? `${constant}` : `+${constant}`;
  return text;
}

/** The canonical spelling. Throws InputError when `dim` is no dimension. */
export function canonicalDim(dim: Dim): Dim {
  return format(parse(dim));
}

/** Canonical dimensions of `what`. Throws InputError when one is negative. */
export function canonicalShape(shape: Shape, what: string): Dim[] {
  const dims = shape.map(canonicalDim);
  if (dims.some((dim) => typeof dim === "number" && dim < 0)) {
    throw new InputError(`Cannot give ${what} the shape ${showShape(dims)}: a size is negative`);
  }
  return dims;
}

/** True when the text is one plain symbol. */
export function isSymbol(dim: Dim): dim is string {
  return typeof dim === "string" && SYMBOL.test(dim);
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  return format(collect([...parse(a), ...parse(b)]));
}

export function subDims(a: Dim, b: Dim): Dim {
  return addDims(a, mulDims(-1, b));
}

export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  const right = [...parse(b)];
  return format(collect(
    [...parse(a)].flatMap(([m, c]) =>
      right.map(([n, d]): [string, number] => [joinMonomials(m, n), c * d])
    ),
  ));
}

function joinMonomials(a: string, b: string): string {
  if (a === "" || b === "") return a + b;
  return [...a.split("*"), ...b.split("*")].sort().join("*");
}

/** `a / b` where it is exact for every value of the symbols and `b` is a number or a product; else `undefined`. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return undefined;
  if (a === b) return 1;
  const divisor = [...parse(b)];
  if (divisor.length !== 1) return undefined;
  const [monomial, coefficient] = divisor[0]!;
  const terms: [string, number][] = [];
  for (const [m, c] of parse(a)) {
    const rest = divideMonomial(m, monomial);
    if (rest === undefined || c % coefficient !== 0) return undefined;
    terms.push([rest, c / coefficient]);
  }
  return format(collect(terms));
}

function divideMonomial(a: string, b: string): string | undefined {
  if (b === "") return a;
  const symbols = a.split("*");
  for (const symbol of b.split("*")) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  return symbols.join("*");
}

/** Number of elements of a shape. */
export function productOfDims(shape: Shape): Dim {
  return shape.reduce<Dim>((product, dim) => mulDims(product, dim), 1);
}

/**
 * The one dimension left over when the elements of `shape` are arranged with the dimensions `known`
 * beside it: `[b, s, 64]` with `[64]` leaves `b*s`. Equal dimensions on both sides cancel first, so a sum
 * such as `past+1` divides too. `undefined` where the division is not exact.
 */
export function remainingDim(shape: Shape, known: Shape): Dim | undefined {
  const from = [...shape];
  const by: Dim[] = [];
  for (const dim of known) {
    const at = from.indexOf(dim);
    if (at < 0) by.push(dim);
    else from.splice(at, 1);
  }
  return divideDims(productOfDims(from), productOfDims(by));
}

/** The number that a dimension is for these sizes of its symbols; `undefined` when one has no size. */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, number>): number | undefined {
  if (typeof dim === "number") return dim;
  let sum = 0;
  for (const [monomial, coefficient] of parse(dim)) {
    let product = coefficient;
    for (const symbol of monomial === "" ? [] : monomial.split("*")) {
      const size = sizes.get(symbol);
      if (size === undefined) return undefined;
      product *= size;
    }
    sum += product;
  }
  return sum;
}

/** Every plain symbol that occurs in the shape. */
export function symbolsOf(shape: Shape): Set<string> {
  const symbols = new Set<string>();
  for (const dim of shape) {
    if (typeof dim === "number") continue;
    for (const monomial of parse(dim).keys()) {
      for (const symbol of monomial.split("*")) if (symbol !== "") symbols.add(symbol);
    }
  }
  return symbols;
}

/** `[batch, 64]`, for messages and listings. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** `float32[batch, 64]`. */
export function showType(type: { dtype: string; shape: Shape }): string {
  return `${type.dtype}${showShape(type.shape)}`;
}

/** Same dimensions in the same order. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
