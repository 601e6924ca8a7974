import { probabilities, TextClassifier } from "@decorum/scoring";
import { createClient, rewardService } from "@decorum/rpc";

/** What a classifier says of a text. */
export interface TextScore {
  /** Raw logits in the order of the labels. */
  readonly logits: readonly number[];
  /** Their softmax, or the sigmoid of a single one. */
  readonly probabilities: readonly number[];
  /** Tokens that were cut off. */
  readonly truncated: number;
}

/** A text to score, alone or after what it answers. */
export interface ScoredText {
  /** What messages call it, as `line 3`. */
  readonly name: string;
  readonly text: string;
  readonly query?: string | undefined;
}

/** A classifier, in this process or behind a service. */
export interface Scorer extends AsyncDisposable {
  readonly labels: readonly string[];
  /** The label that is meant where none is named. */
  readonly defaultLabel: string;
  /** Texts that it takes at once. */
  readonly maxTexts: number;
  /** @throws RangeError for a text that is too long and may not be cut */
  score(texts: readonly ScoredText[], truncate: boolean): Promise<TextScore[]>;
}

/** A classifier of a Hugging Face folder. Throws as `TextClassifier.load` does. */
export async function openFolder(folder: string, threads: number): Promise<Scorer> {
  const classifier = await TextClassifier.load(folder, { runtime: { intraOpThreads: threads } });
  return {
    labels: classifier.labels,
    defaultLabel: classifier.labels[0]!,
    maxTexts: Infinity,
    async score(texts, truncate) {
      const items = texts.map(({ name, text, query }) =>
        classifier.encode({ response: text, query }, { truncate }, name)
      );
      const rows = await classifier.logits(items);
      return rows.map((logits, i) => ({
        logits: [...logits],
        probabilities: probabilities(logits),
        truncated: items[i]!.truncated,
      }));
    },
    [Symbol.asyncDispose]: () => classifier[Symbol.asyncDispose](),
  };
}

/** Where a reward service is and how it is called. */
export interface ServiceOptions {
  readonly address: string;
  readonly insecure: boolean;
  readonly caFile?: string | undefined;
  readonly token?: string | undefined;
}

/** The classifier of a running reward service. @throws RpcError when it cannot be called */
export async function openService(
  { address, insecure, caFile, token }: ServiceOptions,
): Promise<Scorer> {
  const client = createClient(rewardService, {
    address,
    insecure,
    ...(caFile === undefined ? {} : { tls: { caFile } }),
    ...(token === undefined ? {} : { token }),
  });
  try {
    const { labels, defaultLabel, limits } = await client.getInfo({});
    return {
      labels,
      defaultLabel: defaultLabel || labels[0]!,
      maxTexts: limits?.maxItems || 1,
      async score(texts, truncate) {
        const items = texts.map(({ text, query }, i) => ({
          id: `${i}`,
          response: text,
          ...(query === undefined ? {} : { query }),
        }));
        const { results } = await client.score({ items, label: labels[0]!, truncate });
        return results.map((result) => ({
          logits: result.logits,
          probabilities: result.probabilities,
          truncated: result.truncatedTokens,
        }));
      },
      [Symbol.asyncDispose]: () => Promise.resolve(client.close()),
    };
  } catch (error) {
    client.close();
    throw error;
  }
}
