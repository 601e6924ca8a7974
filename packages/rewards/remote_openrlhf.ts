import { InputError } from "@decorum/tensor";
import type { Remote, RemoteCalls } from "./remote_calls.ts";
import { jsonPoster } from "./remote_http.ts";
import type { RewardBatch } from "./source.ts";

/** OpenRLHF's remote reward: `POST {query, prompts, labels}` answers `{rewards}`. */
export interface OpenRlhfReward extends RemoteCalls {
  readonly kind: "openrlhf";
}

/**
 * A client of `POST /get_reward` as OpenRLHF has it: `query` is prompt and response as one text, `labels` the human
 * text of the row, an empty one where there is none.
 *
 * @throws InputError as {@link jsonPoster}
 */
export function openRlhfRemote(reward: OpenRlhfReward): Remote {
  const post = jsonPoster(reward.address, reward);
  return {
    async call({ prompts, responses, references }: RewardBatch, signal) {
      const answer = await post({
        query: responses.map((response, i) => prompts[i]! + response),
        prompts,
        labels: references.map((reference) => reference ?? ""),
      }, signal);
      // Some of its servers answer with the list itself.
      if (Array.isArray(answer)) return answer;
      const { rewards } = (answer ?? {}) as { readonly rewards?: unknown };
      if (rewards !== undefined) return rewards;
      const found = JSON.stringify(answer).slice(0, 100);
      throw new InputError(`it answered ${found}, expected {"rewards": [...]}`);
    },
    [Symbol.dispose]() {},
  };
}
