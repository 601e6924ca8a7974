import { InputError } from "./tensor.ts";
import assert from "node:assert/strict";
import { normals, permutation, philox4x32, randomKey, randomWords, uniforms } from "./random.ts";

Deno.test("Philox 4x32-10 gives Random123's known answers (kat_vectors)", () => {
  const cases = [
    [
      "00000000 00000000 00000000 00000000",
      "00000000 00000000",
      "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ],
    [
      "ffffffff ffffffff ffffffff ffffffff",
      "ffffffff ffffffff",
      "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ],
    [
      "243f6a88 85a308d3 13198a2e 03707344",
      "a4093822 299f31d0",
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    ],
  ];
  const words = (text: string) => text.split(" ").map((word) => parseInt(word, 16));
  for (const [counter, key, expected] of cases) {
    const [c0, c1, c2, c3] = words(counter!);
    const [k0, k1] = words(key!);
    const out = new Uint32Array(4);
    philox4x32(c0!, c1!, c2!, c3!, k0!, k1!, out);
    assert.deepEqual([...out], words(expected!));
  }
});

Deno.test("a position's value does not depend on how the draws are divided", () => {
  const key = randomKey(7, "dropout", 3);
  for (const draw of [uniforms, normals, randomWords]) {
    const whole = draw(key, 0, 41);
    for (let start = 0; start <= 9; start++) {
      for (let n = 0; n <= 9; n++) {
        assert.deepEqual([...draw(key, start, n)], [...whole.subarray(start, start + n)]);
      }
    }
  }
});

Deno.test("positions beyond 2^32 blocks continue, and differ from those below", () => {
  const key = randomKey(1);
  const far = 2 ** 34;
  assert.deepEqual([...randomWords(key, far - 2, 4)].slice(2), [...randomWords(key, far, 2)]);
  assert.notDeepEqual(randomWords(key, far, 4), randomWords(key, 0, 4));
});

Deno.test("keys differ by seed, label, label type and order, and do not by number type", () => {
  const keys = [
    randomKey(1),
    randomKey(2),
    randomKey(-1),
    randomKey(2n ** 200n),
    randomKey(1, "a"),
    randomKey(1, "a", "b"),
    randomKey(1, "b", "a"),
    randomKey(1, "ab"),
    randomKey(1, 1),
    randomKey(1, "1"),
  ].map((key) => JSON.stringify(key));
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(randomKey(5, "x"), randomKey(5n, "x"));
  assert.throws(() => randomKey(0.5), InputError);
  assert.throws(() => randomKey(1, NaN), InputError);
});

Deno.test("the streams are pinned: a change would break resumed runs", () => {
  const key = randomKey(42, "sampling");
  // Key and words come from Python too: hashlib, and Philox written with unbounded integers.
  assert.deepEqual([...key], [461191649, 2622621094, 3276023469, 4286097358]);
  const words = [461257481, 2223168492, 420871137, 2401887564];
  assert.deepEqual([...randomWords(key, 0, 4)], words);
  assert.deepEqual([...permutation(key, 8)], [7, 5, 0, 2, 4, 3, 6, 1]);
});

Deno.test("uniforms lie in [0, 1), fill it evenly, and are not correlated with their neighbours", () => {
  const n = 100_000;
  const values = uniforms(randomKey(3), 0, n);
  const buckets = new Array<number>(100).fill(0);
  let correlation = 0;
  for (let i = 0; i < n; i++) {
    assert.ok(values[i]! >= 0 && values[i]! < 1);
    buckets[Math.floor(values[i]! * 100)]!++;
    if (i > 0) correlation += (values[i]! - 0.5) * (values[i - 1]! - 0.5) * 12 / n;
  }
  // Chi-squared with 99 degrees of freedom: mean 99, standard deviation 14; five deviations.
  const chiSquared = buckets.reduce((sum, count) => sum + (count - n / 100) ** 2 / (n / 100), 0);
  assert.ok(chiSquared < 170, `chi-squared ${chiSquared}`);
  assert.ok(Math.abs(correlation) < 5 / Math.sqrt(n), `correlation ${correlation}`);
});

Deno.test("normals have the moments of the standard normal, within five standard errors", () => {
  const n = 100_000;
  const values = normals(randomKey(4), 0, n);
  const moment = (power: number) => values.reduce((sum, v) => sum + v ** power, 0) / n;
  // The standard error of the k-th moment is sqrt(((2k - 1)!! - moment_k^2) / n).
  for (
    const [power, expected, variance] of [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]] as const
  ) {
    const error = Math.abs(moment(power) - expected);
    assert.ok(error < 5 * Math.sqrt(variance / n), `moment ${power}: ${moment(power)}`);
  }
});

Deno.test("a permutation holds every index once, and every order of three is as likely", () => {
  for (const n of [0, 1, 2, 1000]) {
    const sorted = permutation(randomKey(5, n), n).sort();
    assert.deepEqual([...sorted], Array.from({ length: n }, (_, i) => i));
  }
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = permutation(randomKey(6, i), 3).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  // Binomial(6000, 1/6): mean 1000, standard deviation 29; five deviations.
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 145, String(count));
});

Deno.test("bad positions and sizes are refused", () => {
  const key = randomKey(0);
  for (const draw of [uniforms, normals, randomWords]) {
    for (const [start, n] of [[-1, 1], [0, -1], [0.5, 1], [0, 1.5], [2 ** 53 - 1, 1], [0, NaN]]) {
      assert.throws(() => draw(key, start!, n!), InputError, `${start}, ${n}`);
    }
  }
  assert.throws(() => permutation(key, -1), InputError);
  assert.throws(() => permutation(key, 1.5), InputError);
});
