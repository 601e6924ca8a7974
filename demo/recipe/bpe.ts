/** GPT-2's split of a text into the pieces that merges do not cross. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's printable stand-in of every byte (`bytes_to_unicode`). */
export const byteLetters: readonly string[] = (() => {
  const isPrintable = (b: number) =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(isPrintable(b) ? b : next++));
})();

/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016; GPT-2): the `count` merges that join the most frequent
 * neighbours one after another, fewer where nothing is left to join. Ties go to the pair that sorts first.
 */
export function trainBpe(texts: Iterable<string>, count: number): (readonly [string, string])[] {
  const encoder = new TextEncoder();
  const frequency = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of text.matchAll(PIECES)) {
      frequency.set(piece, (frequency.get(piece) ?? 0) + 1);
    }
  }
  const words = [...frequency].map(([piece, n]) => ({
    symbols: [...encoder.encode(piece)].map((byte) => byteLetters[byte]!),
    n,
  }));
  const merges: (readonly [string, string])[] = [];
  while (merges.length < count) {
    const best = mostFrequentPair(words);
    if (!best) break;
    merges.push(best);
    for (const word of words) join(word.symbols, best);
  }
  return merges;
}

interface Word {
  readonly symbols: string[];
  readonly n: number;
}

function mostFrequentPair(words: readonly Word[]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { symbols, n } of words) {
    for (let i = 1; i < symbols.length; i++) {
      const pair = `${symbols[i - 1]} ${symbols[i]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + n);
    }
  }
  let best: string | undefined;
  for (const [pair, n] of counts) {
    const most = best === undefined ? 0 : counts.get(best)!;
    if (n > most || (n === most && pair < best!)) best = pair;
  }
  const [left, right] = best?.split(" ") ?? [];
  return left === undefined || right === undefined ? undefined : [left, right];
}

/** Joins every occurrence of the pair, from the left, in place. */
function join(symbols: string[], [left, right]: readonly [string, string]): void {
  for (let i = 0; i + 1 < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) symbols.splice(i, 2, left + right);
  }
}
