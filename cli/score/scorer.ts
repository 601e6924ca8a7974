import { TextClassifier, type TextItem } from "@decorum/scoring";
import type { CallSecurity } from "@decorum/service";
import { createClient, rewardService, type rewardV1 } from "@decorum/rpc";

/** What a classifier says of a text. */
export interface TextScore {
  /** Raw logits in the order of the labels. */
  readonly logits: readonly number[];
  /** What they stand for: see `TextClassifier.probabilities`. */
  readonly probabilities: readonly number[];
  /** Tokens that were cut off. */
  readonly truncated: number;
}

/** A text to score, alone or after what it answers. */
export interface ScoredText extends TextItem {
  /** What messages call it, as `line 3 of standard input`. */
  readonly name: string;
}

/** Texts and what the classifier says of them. */
export interface ScoredBatch<T> {
  readonly texts: readonly T[];
  readonly scores: readonly TextScore[];
}

/** A classifier, in this process or behind a service. */
export interface Scorer extends AsyncDisposable {
  readonly labels: readonly string[];
  /** The label that is meant where none is named. */
  readonly defaultLabel: string;
  /** Texts that it takes at once. */
  readonly maxTexts: number;
  /**
   * Scores batch after batch, in their order.
   *
   * @throws InputError or RpcError for a text that is too long and may not be cut
   */
  score<T extends ScoredText>(
    batches: AsyncIterable<readonly T[]>,
    truncate: boolean,
  ): AsyncGenerator<ScoredBatch<T>, void>;
}

/** A classifier of a Hugging Face folder. Throws as `TextClassifier.load` does. */
export async function openFolder(folder: string, threads: number): Promise<Scorer> {
  const classifier = await TextClassifier.load(folder, { runtime: { intraOpThreads: threads } });
  return {
    labels: classifier.labels,
    defaultLabel: classifier.labels[0]!,
    maxTexts: Infinity,
    async *score(batches, truncate) {
      for await (const texts of batches) {
        const items = texts.map((text) => classifier.encode(text, { truncate }, text.name));
        const rows = await classifier.logits(items);
        const scores = rows.map((logits, i) => ({
          logits: [...logits],
          probabilities: classifier.probabilities(logits),
          truncated: items[i]!.truncated,
        }));
        yield { texts, scores };
      }
    },
    [Symbol.asyncDispose]: () => classifier[Symbol.asyncDispose](),
  };
}

/** The classifier of a running reward service. @throws RpcError when it cannot be called */
export async function openService(address: string, security: CallSecurity): Promise<Scorer> {
  const client = createClient(rewardService, { ...security("reward"), address });
  try {
    const { labels, defaultLabel, limits } = await client.getInfo({});
    const maxTexts = limits?.maxItems || 1;
    const maxStreamTexts = Math.max(maxTexts, limits?.maxStreamItems || maxTexts);
    return {
      labels,
      defaultLabel: defaultLabel || labels[0]!,
      maxTexts,
      async *score(batches, truncate) {
        const source = batches[Symbol.asyncIterator]();
        for (let ended = false; !ended;) {
          // A stream waits where the service is busy; it takes so many texts, then another has its turn.
          const sent: Awaited<ReturnType<typeof source.next>>["value"][] = [];
          let left = maxStreamTexts;
          const requests = async function* (): AsyncGenerator<rewardV1.ScoreStreamRequest> {
            while (left >= maxTexts) {
              const { done, value } = await source.next();
              ended = done === true;
              if (ended) return;
              left -= value.length;
              sent.push(value);
              yield { request: { items: value.map(itemOf), label: labels[0]!, truncate } };
            }
          };
          for await (const { response } of client.scoreStream(requests())) {
            yield { texts: sent.shift()!, scores: response!.results.map(scoreOf) };
          }
        }
      },
      [Symbol.asyncDispose]: () => Promise.resolve(client.close()),
    };
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Its id is its name, so that the service's messages say which it is. */
function itemOf({ name, query, response }: ScoredText): rewardV1.ScoreItem {
  return { id: name, response, ...(query === undefined ? {} : { query }) };
}

function scoreOf(
  { logits, probabilities, truncatedTokens }: rewardV1.ItemScore__Output,
): TextScore {
  return { logits, probabilities, truncated: truncatedTokens };
}
