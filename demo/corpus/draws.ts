import { InputError, type RandomKey, randomKey, randomWords } from "@decorum/tensor";

/** Draws from one random stream, in order. */
export class Draws {
  readonly #key: RandomKey;
  #position = 0;

  /** The stream of `seed` and labels: equal for equal arguments, independent for others. */
  constructor(seed: number, ...labels: readonly (string | number)[]) {
    this.#key = randomKey(seed, "demo", ...labels);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return randomWords(this.#key, this.#position++, 1)[0]! / 2 ** 32;
  }

  /** One of `items`, each as likely. @throws InputError when there is none. */
  pick<T>(items: readonly T[]): T {
    const index = Math.floor(this.uniform() * items.length);
    if (index < items.length) return items[index]!;
    throw new InputError("Cannot draw one of 0 items");
  }

  /** `items` in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
