import { InputError } from "./tensor.ts";
import { createHash } from "node:crypto";

/**
 * A counter-based random stream: four 32-bit words. The first two are the Philox key, the last two
 * the upper half of its counter. A stream holds no state: the value at a position depends on the key
 * and the position alone, so draws are equal however they are divided into calls, and a run is
 * resumed by storing the position. Keys are plain arrays: store them as JSON.
 */
export type RandomKey = readonly [number, number, number, number];

/**
 * The key of an independent stream for a seed and a path of labels: 128 bits of SHA-256 over an
 * unambiguous encoding of both. The number 1 and the text "1" are different labels.
 *
 * @throws InputError when a number is not a safe integer.
 */
export function randomKey(
  seed: number | bigint,
  ...labels: readonly (string | number)[]
): RandomKey {
  for (const part of [seed, ...labels]) {
    if (typeof part === "number" && !Number.isSafeInteger(part)) {
      throw new InputError(
        `Cannot derive a random key from ${part}: expected a safe integer or, for a label, text`,
      );
    }
  }
  const encoded = JSON.stringify([seed.toString(), ...labels]);
  const digest = createHash("sha256").update(encoded).digest();
  const word = (i: number) => digest.readUInt32LE(4 * i);
  return [word(0), word(1), word(2), word(3)];
}

/**
 * One Philox 4x32-10 block, written to `out[0..3]`: ten rounds over the 128-bit counter `c0..c3` under
 * the 64-bit key `k0, k1` (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011).
 */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of the 64-bit product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // Both sums are below 2^32.
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (cross >>> 16)) | 0;
}

/**
 * `n` uniformly distributed 32-bit words of the stream, beginning at position `start` (0 to 2^53 - n).
 *
 * @throws InputError when `start` or `n` is not a non-negative safe integer.
 */
export function randomWords(key: RandomKey, start: number, n: number): Uint32Array<ArrayBuffer> {
  checkPositions(start, n);
  const words = new Uint32Array(n);
  const block = new Uint32Array(4);
  let current = -1;
  for (let i = 0; i < n; i++) {
    const index = Math.floor((start + i) / 4);
    if (index !== current) {
      philox4x32(index, Math.floor(index / 2 ** 32), key[2], key[3], key[0], key[1], block);
      current = index;
    }
    words[i] = block[(start + i) % 4]!;
  }
  return words;
}

function checkPositions(start: number, n: number): void {
  if (!(Number.isSafeInteger(start) && start >= 0 && Number.isSafeInteger(start + n) && n >= 0)) {
    throw new InputError(
      `Cannot draw ${n} random values from position ${start}: expected non-negative safe integers`,
    );
  }
}

/**
 * `n` float32 uniforms in [0, 1) of 24 bits each: positions `start` to `start + n - 1` of the stream.
 * Words are shared with `normals` and `permutation`: give each purpose a key of its own.
 */
export function uniforms(key: RandomKey, start: number, n: number): Float32Array<ArrayBuffer> {
  const words = randomWords(key, start, n);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) out[i] = (words[i]! >>> 8) * 2 ** -24;
  return out;
}

/**
 * `n` float32 standard normals, positions `start` to `start + n - 1`, by Box-Muller: positions 2j and
 * 2j + 1 are the cosine and the sine branch of the words at those positions. |value| is below 6.7.
 */
export function normals(key: RandomKey, start: number, n: number): Float32Array<ArrayBuffer> {
  checkPositions(start, n);
  const offset = start % 2;
  const words = randomWords(key, start - offset, n + offset + ((n + offset) % 2));
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const pair = i + offset - ((i + offset) % 2);
    // (word + 1) / 2^32 is in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log((words[pair]! + 1) * 2 ** -32));
    const angle = 2 * Math.PI * words[pair + 1]! * 2 ** -32;
    out[i] = radius * (pair === i + offset ? Math.cos(angle) : Math.sin(angle));
  }
  return out;
}

/**
 * A uniformly distributed permutation of 0 to n - 1 (Fisher-Yates; bounded draws reject, so they have
 * no modulo bias).
 *
 * @throws InputError when `n` is not an integer from 0 to 2^32 - 1.
 */
export function permutation(key: RandomKey, n: number): Uint32Array<ArrayBuffer> {
  if (!(Number.isInteger(n) && n >= 0 && n < 2 ** 32)) {
    throw new InputError(`Cannot permute ${n} items: expected an integer from 0 to 2^32 - 1`);
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let position = 0;
  let words = new Uint32Array(0);
  const next = () => {
    if (position % 1024 === 0) words = randomWords(key, position, 1024);
    return words[position++ % 1024]!;
  };
  for (let i = n - 1; i > 0; i--) {
    const choices = i + 1;
    const limit = 2 ** 32 - (2 ** 32 % choices);
    let word = next();
    while (word >= limit) word = next();
    const j = word % choices;
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}
