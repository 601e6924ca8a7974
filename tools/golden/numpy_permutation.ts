/**
 * `numpy.random.permutation` after `numpy.random.seed(seed)`: the 32-bit Mersenne Twister (Matsumoto and
 * Nishimura 1998) and numpy's legacy shuffle (`_shuffle_raw`, `random_interval` of `randomkit`). TRL draws its
 * mini-batches with it.
 *
 * @returns draws the next permutation of 0 to n - 1
 */
export function numpyPermutations(seed: number): (n: number) => number[] {
  const next = mersenneTwister(seed);
  const below = (max: number): number => {
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (next() & mask) >>> 0;
      if (value <= max) return value;
    }
  };
  return (n) => {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = below(i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  };
}

const SIZE = 624;

function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const previous = state[i - 1]!;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  let at = SIZE;
  const refill = () => {
    for (let i = 0; i < SIZE; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
      state[i] = state[(i + 397) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    at = 0;
  };
  return () => {
    if (at === SIZE) refill();
    let y = state[at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}
