import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Dim, evaluateDim, remainingDim, subDims } from "./mod.ts";
import { addDims, canonicalDim, divideDims, mulDims, productOfDims, symbolsOf } from "./dims.ts";

const sizes = new Map([["a", 2], ["b", 3], ["batch.1", 5]]);
const symbol = fc.constantFrom<Dim>(...sizes.keys());
const monomial = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(symbol, { maxLength: 3 }))
  .map(([coefficient, symbols]) => symbols.reduce<Dim>(mulDims, coefficient));
const dim = fc.array(monomial, { minLength: 1, maxLength: 3 }).map((terms) =>
  terms.reduce(addDims)
);
const value = (d: Dim) => evaluateDim(d, sizes)!;

Deno.test("dimensions are spelled one way", () => {
  assert.equal(canonicalDim("sequence*4*batch"), "4*batch*sequence");
  assert.equal(canonicalDim("past_length + 1"), "past_length+1");
  assert.equal(canonicalDim("1 + b - a - a"), "-2*a+b+1");
  assert.equal(canonicalDim("2*3"), 6);
  assert.equal(canonicalDim("a - a"), 0);
  assert.deepEqual(symbolsOf(["4*a*b+c-1", 3]), new Set(["a", "b", "c"]));
  assert.throws(() => canonicalDim("a/2"), /"a\/2" is not a dimension/);
  assert.throws(() => canonicalDim(""), InputError);
  assert.throws(() => canonicalDim(1.5), InputError);
});

Deno.test("dimension arithmetic is integer arithmetic", () => {
  fc.assert(fc.property(dim, dim, (x, y) => {
    assert.equal(value(addDims(x, y)), value(x) + value(y));
    assert.equal(value(subDims(x, y)), value(x) - value(y));
    assert.equal(value(mulDims(x, y)), value(x) * value(y));
    assert.equal(addDims(x, y), addDims(y, x));
    assert.equal(mulDims(x, y), mulDims(y, x));
    assert.equal(subDims(addDims(x, y), y), x);
    assert.equal(canonicalDim(x), x);
  }));
});

Deno.test("division undoes multiplication by a product and refuses what is not exact", () => {
  fc.assert(fc.property(dim, monomial, (x, m) => assert.equal(divideDims(mulDims(x, m), m), x)));
  assert.equal(divideDims("6*b*s", "2*s"), "3*b");
  assert.equal(divideDims("b*s+b", "b"), "s+1");
  assert.equal(divideDims("b", 2), undefined);
  assert.equal(divideDims("b", "s"), undefined);
  assert.equal(divideDims("b", 0), undefined);
});

Deno.test("what is left of a shape", () => {
  assert.equal(remainingDim(["b", "s", 64], [64]), "b*s");
  assert.equal(remainingDim(["b", "s+1", 64], ["s+1", 16]), "4*b");
  assert.equal(remainingDim(["b", "s"], [7]), undefined);
  fc.assert(fc.property(fc.array(dim, { minLength: 1, maxLength: 4 }), fc.nat(), (shape, n) => {
    const at = n % shape.length;
    assert.equal(remainingDim(shape, shape.toSpliced(at, 1)), shape[at]);
    assert.equal(value(productOfDims(shape)), shape.map(value).reduce((x, y) => x * y));
  }));
});
