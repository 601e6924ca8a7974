import type { Caller, LiveModel } from "@decorum/serving";
import type { EncodedItem, TextClassifier } from "@decorum/scoring";
import type { RewardConfig } from "@decorum/settings";
import type { RequestTimes, Scorer } from "./scorer.ts";
import { checkTexts, encodeTexts, type Texts } from "./texts.ts";

/** Texts with their logits. */
export interface ScoredTexts<T> {
  readonly classifier: TextClassifier;
  readonly items: readonly EncodedItem[];
  /** `[labels]` for each item, raw and finite. */
  readonly logits: readonly Float32Array[];
  readonly times: RequestTimes;
  /** What the door made of the classifier before. */
  readonly prepared: T;
}

/** Where all doors hand in their texts: limits, tokens, the queue, and statistics are the same behind each. */
export class ScoringDesk {
  constructor(
    readonly config: RewardConfig,
    readonly live: LiveModel<TextClassifier>,
    readonly scorer: Scorer<TextClassifier>,
  ) {}

  /**
   * Scores texts with the classifier in service; waits for the first one to be loaded.
   *
   * @param prepare called with that classifier before texts are encoded: what a door looks up, or refuses
   * @throws as `checkTexts`, `encodeTexts` and `Scorer.score` do; Error for logits that are not finite
   */
  async score<T>(
    texts: Texts,
    call: Caller,
    prepare: (classifier: TextClassifier) => T,
  ): Promise<ScoredTexts<T>> {
    using loan = await this.live.borrow();
    const classifier = loan.model;
    const statistics = this.scorer.statisticsOf(classifier);
    const began = performance.now();
    try {
      checkTexts(texts, this.config.limits);
      const prepared = prepare(classifier);
      const items = await encodeTexts(texts, this.config.limits, classifier, call.signal);
      const encodingMs = performance.now() - began;
      const { logits, ...ran } = await this.scorer.score(
        { model: classifier, items, asSent: texts.asSent },
        call,
      );
      const bad = logits.findIndex((row) => !row.every(Number.isFinite));
      if (bad >= 0) {
        throw new Error(
          `internal: the classifier ${classifier.version} gave ${texts.nameOf(bad)} logits ${
            logits[bad]!.join(", ")
          }`,
        );
      }
      const times = { encodingMs, ...ran };
      statistics.answered(items.length, times);
      return { classifier, items, logits, times, prepared };
    } catch (error) {
      statistics.failed(performance.now() - began);
      throw error;
    }
  }
}
