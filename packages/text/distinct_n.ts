import { InputError } from "@decorum/tensor";
import { countNgrams, rougeTokens } from "./rouge.ts";

/**
 * Distinct-n: how many different n-grams the texts have, divided by how many they have in all (Li et
 * al., "A diversity-promoting objective function for neural conversation models", 2016). Near 1 for
 * varied texts, near 0 for a policy that repeats itself; 0 where no text has n words. Words are
 * ROUGE's without stemming; n-grams do not cross from one text to the next.
 *
 * @throws InputError when `n` is not a positive integer.
 */
export function distinctN(texts: Iterable<string>, n: number): number {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new InputError(`Cannot count distinct ${n}-grams: expected a positive integer`);
  }
  const different = new Set<string>();
  let total = 0;
  for (const text of texts) {
    for (const [ngram, count] of countNgrams(rougeTokens(text), n)) {
      different.add(ngram);
      total += count;
    }
  }
  return total === 0 ? 0 : different.size / total;
}
