import {
  type CallContext,
  type Handlers,
  resourceExhausted,
  type rewardService,
  type rewardV1,
} from "@decorum/rpc";
import { probabilities, type TextClassifier } from "@decorum/scoring";
import type { RewardConfig } from "./config.ts";
import { inOrder } from "./in_order.ts";
import { parseScore } from "./score_request.ts";
import type { ScoringEngine } from "./scoring_engine.ts";

/** Requests of one stream that are worked on at once. */
const STREAM_DEPTH = 16;

/** A reward whose model is loaded. */
export interface LoadedReward {
  readonly classifier: TextClassifier;
  readonly engine: ScoringEngine;
}

type Call = Pick<CallContext, "signal" | "deadline">;

/**
 * The typed door of the scoring engine. Calls that come before the model is loaded wait for it.
 *
 * @param loaded settled when the model is loaded
 */
export function rewardHandlers(
  config: RewardConfig,
  loaded: Promise<LoadedReward>,
): Handlers<typeof rewardService> {
  const score = async (
    request: rewardV1.ScoreRequest__Output,
    { signal, deadline }: Call,
    wait: boolean,
  ): Promise<rewardV1.ScoreResponse> => {
    const { classifier, engine } = await loaded;
    const { items, label, asSent } = parseScore(request, config, classifier);
    const logits = await engine.score({ items, asSent, signal, deadline }, { wait });
    return {
      results: items.map(({ ids, truncated }, i): rewardV1.ItemScore => ({
        id: request.items[i]!.id,
        score: logits[i]![label.index]!,
        logits: [...logits[i]!],
        probabilities: probabilities(logits[i]!),
        truncatedTokens: truncated,
        tokens: ids.length,
      })),
      labels: [...classifier.labels],
      label: label.name,
      modelVersion: classifier.version,
    };
  };
  return {
    score: (request, context) => score(request, context, false),

    async *scoreStream(requests, { signal, deadline }) {
      // What is still worked on when one request of the stream fails.
      const over = new AbortController();
      const call: Call = { signal: AbortSignal.any([signal, over.signal]), deadline };
      const most = config.limits.max_stream_items;
      let items = 0;
      try {
        yield* inOrder(requests, STREAM_DEPTH, async ({ requestId, request }) => {
          if (request === null) {
            throw new TypeError(
              `Cannot score request ${
                JSON.stringify(requestId)
              } of the stream: it has no field "request"`,
            );
          }
          items += request.items.length;
          if (items > most) {
            throw resourceExhausted(`A stream takes ${most} items: open another for the others`);
          }
          return { requestId, response: await score(request, call, true) };
        });
      } finally {
        over.abort();
      }
    },

    async getInfo() {
      const { classifier } = await loaded;
      return {
        modelName: classifier.name,
        modelVersion: classifier.version,
        labels: [...classifier.labels],
        defaultLabel: config.label ?? "",
        limits: {
          maxItems: config.limits.max_items,
          maxTokens: classifier.maxTokens,
          maxTextBytes: config.limits.max_text_bytes,
        },
        provider: config.provider,
      };
    },
  };
}
