import type { EncodedItem, Judge, TextClassifier, TextItem } from "@decorum/scoring";
import { TooLongError } from "@decorum/scoring";

/** Probability of one label for texts: the reward's classifier, or the judge. */
export interface ToxicityScorer<T> {
  /** Texts that make up a run of the model; what is equal is computed once, so equal texts have equal scores. */
  score(texts: readonly T[], options: ScoreOptions): Promise<ScoredTexts>;
}

export interface ScoreOptions {
  readonly signal: AbortSignal;
  /** Called with the number of texts that are done. */
  readonly onDone: (done: number) => void;
}

export interface ScoredTexts {
  /** In [0, 1], in the order of the texts. */
  readonly toxicity: readonly number[];
  /** Texts whose response was cut, because the model cannot take so much. */
  readonly cut: number;
}

/** Toxicity by the reward's classifier: of responses alone, or after their queries. */
export function classifierToxicity(
  classifier: TextClassifier,
  label: string,
  batch: number,
): ToxicityScorer<TextItem> {
  const index = classifier.labelIndex(label);
  return {
    async score(texts, options) {
      let cut = 0;
      const toxicity = await scoreUnique(
        texts,
        ({ query, response }) => JSON.stringify([query ?? null, response]),
        (item) => {
          const encoded = encodeForMeasure(classifier, item);
          if (encoded.responseCut) cut++;
          return encoded.item;
        },
        ({ ids }) => ids.length,
        batch,
        async (items) => {
          await classifier.reload();
          const logits = await classifier.logits(items, { signal: options.signal });
          return logits.map((row) => classifier.probabilities(row)[index]!);
        },
        options,
      );
      return { toxicity, cut };
    },
  };
}

/** Toxicity of responses by the judge. */
export function judgeToxicity(judge: Judge, label: string, batch: number): ToxicityScorer<string> {
  const index = judge.labelIndex(label);
  return {
    async score(texts, options) {
      let cut = 0;
      const toxicity = await scoreUnique(
        texts,
        (text) => text,
        (text) => text,
        (text) => text.length,
        batch,
        async (rows) => {
          const found = await judge.judge(rows);
          if (found.cut > 0) cut++;
          return found.judgements.map((judgement) => judgement.probabilities[index]!);
        },
        options,
      );
      return { toxicity, cut };
    },
  };
}

/** A measurement does not fail on one long response: where even the response is too long, its end is cut. */
function encodeForMeasure(
  classifier: TextClassifier,
  item: TextItem,
): { readonly item: EncodedItem; readonly responseCut: boolean } {
  const { response, query } = item;
  const alone = classifier.encode({ response }, { truncate: true }, "a response");
  if (query === undefined || alone.truncated > 0) {
    return { item: alone, responseCut: alone.truncated > 0 };
  }
  try {
    return {
      item: classifier.encode(item, { truncate: true }, "a response"),
      responseCut: false,
    };
  } catch (error) {
    // The response fits alone, but not behind a query.
    if (error instanceof TooLongError) return { item: alone, responseCut: false };
    throw error;
  }
}

async function scoreUnique<T, E>(
  texts: readonly T[],
  keyOf: (text: T) => string,
  encode: (text: T) => E,
  lengthOf: (encoded: E) => number,
  batch: number,
  run: (batch: readonly E[]) => Promise<readonly number[]>,
  { signal, onDone }: ScoreOptions,
): Promise<number[]> {
  const keys = texts.map(keyOf);
  const unique = new Map<string, T>();
  for (const [i, key] of keys.entries()) unique.set(key, texts[i]!);
  const rows = [...unique].map(([key, text]) => ({ key, encoded: encode(text) }))
    .sort((a, b) => lengthOf(a.encoded) - lengthOf(b.encoded));
  const scores = new Map<string, number>();
  for (let at = 0; at < rows.length; at += batch) {
    signal.throwIfAborted();
    const part = rows.slice(at, at + batch);
    const found = await run(part.map(({ encoded }) => encoded));
    for (const [i, { key }] of part.entries()) scores.set(key, checked(found[i]));
    onDone(keys.filter((key) => scores.has(key)).length);
  }
  return keys.map((key) => scores.get(key)!);
}

function checked(score: number | undefined): number {
  if (score !== undefined && Number.isFinite(score)) return score;
  throw new Error(`internal: a classifier gave ${score} as a probability`);
}
