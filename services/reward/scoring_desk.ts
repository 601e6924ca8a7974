import type { CallContext } from "@decorum/rpc";
import type { EncodedItem, TextClassifier } from "@decorum/scoring";
import type { RewardConfig } from "@decorum/settings";
import type { LiveClassifier } from "./live_classifier.ts";
import type { ScoringEngine } from "./scoring_engine.ts";
import type { RequestTimes } from "./scoring_statistics.ts";
import { checkTexts, encodeTexts, type Texts } from "./texts.ts";

/** What a door knows of its caller. */
export interface DeskCall extends Pick<CallContext, "signal" | "deadline"> {
  /** True: waits where the queue is full; false: fails fast. */
  readonly wait: boolean;
}

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
    readonly live: LiveClassifier,
    readonly engine: ScoringEngine,
  ) {}

  /**
   * Scores texts with the classifier in service; waits for the first one to be loaded.
   *
   * @param prepare called with that classifier before texts are encoded: what a door looks up, or refuses
   * @throws as `checkTexts`, `encodeTexts` and `ScoringEngine.score` do; Error for logits that are not finite
   */
  async score<T>(
    texts: Texts,
    { signal, deadline, wait }: DeskCall,
    prepare: (classifier: TextClassifier) => T,
  ): Promise<ScoredTexts<T>> {
    const classifier = await this.live.current;
    const statistics = this.engine.statisticsOf(classifier);
    const release = this.engine.retain(classifier);
    const began = performance.now();
    try {
      checkTexts(texts, this.config.limits);
      const prepared = prepare(classifier);
      const items = await encodeTexts(texts, this.config.limits, classifier, signal);
      const encodingMs = performance.now() - began;
      const { logits, ...ran } = await this.engine.score(
        { model: classifier, items, asSent: texts.asSent, signal, deadline },
        { wait },
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
    } finally {
      release();
    }
  }
}
