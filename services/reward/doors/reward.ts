import { InputError } from "@decorum/tensor";
import type { Handlers, rewardAdminService, rewardService, rewardV1 } from "@decorum/rpc";
import type { Caller } from "@decorum/serving";
import type { ScoringDesk } from "../scoring_desk.ts";
import { labelOf } from "../texts.ts";
import type { Streams } from "./streams.ts";

/** The typed door: `decorum.reward.v1.RewardService`. Calls that come before the model is loaded wait for it. */
export function rewardHandlers(
  desk: ScoringDesk,
  streams: Streams,
): Handlers<typeof rewardService> {
  const { config, live } = desk;
  return {
    score: (request, { signal, deadline }) =>
      scoreTyped(desk, request, { signal, deadline, wait: false }),

    scoreStream: (requests, call) =>
      streams.answer(
        requests,
        call,
        ({ request }) => request?.items.length ?? 0,
        async ({ requestId, request }, deskCall) => {
          if (request === null) {
            throw new InputError(
              `Cannot score request ${
                JSON.stringify(requestId)
              } of the stream: it has no field "request"`,
            );
          }
          return { requestId, response: await scoreTyped(desk, request, deskCall) };
        },
      ),

    async getInfo() {
      const classifier = await live.current();
      const { limits, provider } = config;
      return {
        modelName: classifier.name,
        modelVersion: classifier.version,
        labels: [...classifier.labels],
        defaultLabel: config.label ?? (classifier.labels.length === 1 ? classifier.labels[0]! : ""),
        limits: {
          maxItems: limits.max_items,
          maxTokens: classifier.maxTokens,
          maxTextBytes: limits.max_text_bytes,
          maxTextChars: limits.max_text_chars,
          maxGroupItems: limits.max_group_items,
          maxRequestBytes: limits.max_request_bytes,
          maxStreamItems: limits.max_stream_items,
        },
        provider,
      };
    },
  };
}

/** What an operator may do. */
export function rewardAdminHandlers(
  { live }: Pick<ScoringDesk, "live">,
): Handlers<typeof rewardAdminService> {
  return {
    async reloadModel() {
      const { version, changed } = await live.reload();
      return { modelVersion: version, changed };
    },
  };
}

async function scoreTyped(
  desk: ScoringDesk,
  request: rewardV1.ScoreRequest__Output,
  call: Caller,
): Promise<rewardV1.ScoreResponse> {
  const { items, truncate, asSent } = request;
  const nameOf = (i: number) => items[i]!.id === "" ? `item ${i}` : `item ${quoted(items[i]!.id)}`;
  const texts = { items, nameOf, truncate, asSent };
  const scored = await desk.score(texts, call, (classifier) => {
    checkIds(items);
    return labelOf(request.label, desk.config.label, classifier);
  });
  const { classifier, logits, prepared: label } = scored;
  return {
    results: scored.items.map(({ ids, truncated }, i): rewardV1.ItemScore => ({
      id: items[i]!.id,
      score: logits[i]![label.index]!,
      logits: [...logits[i]!],
      probabilities: classifier.probabilities(logits[i]!),
      truncatedTokens: truncated,
      tokens: ids.length,
    })),
    labels: [...classifier.labels],
    label: label.name,
    modelVersion: classifier.version,
  };
}

function checkIds(items: readonly rewardV1.ScoreItem__Output[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (id !== "" && seen.has(id)) {
      throw new InputError(
        `Cannot score item ${quoted(id)} twice: ids are unique in a request, or empty`,
      );
    }
    seen.add(id);
  }
}

const quoted = (text: string) => JSON.stringify(text);
