import { type RandomKey, randomKey, randomWords } from "@decorum/tensor";

/** Draws from one random stream, in order: equal for equal arguments, independent for others. */
export class Draws {
  readonly #key: RandomKey;
  #position = 0;

  constructor(seed: number, ...labels: readonly (string | number)[]) {
    this.#key = randomKey(seed, "dialogsum", ...labels);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return randomWords(this.#key, this.#position++, 1)[0]! / 2 ** 32;
  }

  /** A whole number from 0, below `end`. */
  below(end: number): number {
    return Math.floor(this.uniform() * end);
  }
}
