import type { ResponseBatch, Rewards } from "@decorum/algorithms";
import { createClient, rewardService } from "@decorum/rpc";
import { TextClassifier, type TextClassifierOptions } from "@decorum/scoring";
import { InputError } from "@decorum/tensor";
import type { Aggregation } from "./aggregate.ts";
import type { RewardClient } from "./classifier.ts";
import { type RewardTermInput, rewardTerms } from "./settings.ts";
import type { RewardCall } from "./source.ts";
import { termRewards, type TermScore } from "./term_rewards.ts";
import { Terms } from "./terms.ts";

export interface LocalRewardsOptions {
  /** A Hugging Face folder: the classifier of the terms that name no `service`. */
  readonly classifier?: string;
  /** As `trainer.multi_objective_aggregation`; default `sum_then_normalize`. */
  readonly aggregation?: Aggregation;
  /** Responses that a classifier scores as one batch; default 8. */
  readonly groupSize?: number;
  readonly runtime?: TextClassifierOptions["runtime"];
  /** Is told which servers are waited for; default `console.error`. */
  readonly say?: (message: string) => void;
}

/** The terms of a reward for training in one process: what `trainer.rewards` takes, with its classifier in this process. */
export class LocalRewards implements Rewards<TermScore>, AsyncDisposable {
  readonly #opened: AsyncDisposableStack;
  readonly #rewards: Rewards<TermScore>;

  private constructor(opened: AsyncDisposableStack, rewards: Rewards<TermScore>) {
    this.#opened = opened;
    this.#rewards = rewards;
  }

  /** @throws ZodError for terms that are none; InputError, RewardError for one that cannot be used */
  static async open(
    terms: readonly RewardTermInput[],
    options: LocalRewardsOptions = {},
  ): Promise<LocalRewards> {
    const { aggregation = "sum_then_normalize", groupSize = 8, say = console.error } = options;
    const configs = rewardTerms.parse(terms);
    await using opened = new AsyncDisposableStack();
    const asked = configs.find((term) => term.kind === "classifier" && term.service === null);
    if (asked && options.classifier === undefined) {
      throw new InputError(
        `Cannot open reward "${asked.name}": it names no service; name a classifier's folder for it`,
      );
    }
    const classifier = asked && opened.use(
      await TextClassifier.load(options.classifier!, {
        ...(options.runtime ? { runtime: options.runtime } : {}),
      }),
    );
    const call: RewardCall = {
      ...{ signal: new AbortController().signal, say },
      persist: (_address, call) => call(),
    };
    const clientOf = (service: string | null) =>
      service === null
        ? clientOfClassifier(classifier!)
        : opened.use(createClient(rewardService, { address: service }));
    const open = opened.use(Terms.open(configs, { clientOf, groupSize }));
    await open.check(call);
    return new LocalRewards(opened.move(), termRewards(open, aggregation, call));
  }

  score(batch: ResponseBatch): ReturnType<Rewards<TermScore>["score"]> {
    return this.#rewards.score(batch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

/** A classifier in this process, asked as the reward service is that holds it. */
function clientOfClassifier(classifier: TextClassifier): RewardClient {
  const { name, version, labels } = classifier;
  return {
    address: name,
    async score({ items = [], label = "" }) {
      const encoded = items.map(({ query, response = "" }, i) =>
        classifier.encode(
          { response, ...(query === undefined ? {} : { query }) },
          { truncate: true },
          `response ${i}`,
        )
      );
      const index = label === "" && labels.length === 1 ? 0 : classifier.labelIndex(label);
      const logits = await classifier.logits(encoded);
      return {
        results: logits.map((row, i) => ({
          id: items[i]!.id ?? "",
          score: row[index]!,
          logits: [...row],
          probabilities: classifier.probabilities(row),
          truncatedTokens: encoded[i]!.truncated,
          tokens: encoded[i]!.ids.length,
        })),
        labels: [...labels],
        label: labels[index]!,
        modelVersion: version,
      };
    },
    getInfo: () =>
      Promise.resolve({
        ...{ modelName: name, modelVersion: version, labels: [...labels] },
        defaultLabel: labels.length === 1 ? labels[0]! : "",
        limits: null,
        provider: "",
      }),
  };
}
