import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tokenFile } from "@decorum/rpc";
import { InputError } from "@decorum/tensor";
import { ConnectionError, HttpStatusError, type Remote, type RemoteCalls } from "./remote_calls.ts";
import type { RewardBatch } from "./source.ts";

/** OpenRLHF's remote reward: `POST {query, prompts, labels}` answers `{rewards}`. */
export interface OpenRlhfReward extends RemoteCalls {
  readonly kind: "openrlhf";
}

/** Bytes of an answer; a list of scores is far below. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * A client of `POST /get_reward` as OpenRLHF has it: `query` is prompt and response as one text, `labels` the human
 * text of the row, an empty one where there is none.
 */
export function openRlhfRemote(reward: OpenRlhfReward): Remote {
  const url = urlOf(reward);
  const token = reward.token_file === null ? undefined : tokenFile(reward.token_file);
  const files = reward.tls === null ? {} : {
    ca: readFileSync(reward.tls.ca),
    ...(reward.tls.cert === null ? {} : { cert: readFileSync(reward.tls.cert) }),
    ...(reward.tls.key === null ? {} : { key: readFileSync(reward.tls.key) }),
  };
  return {
    async call({ prompts, responses, references }: RewardBatch, signal) {
      const body = JSON.stringify({
        query: responses.map((response, i) => prompts[i]! + response),
        prompts,
        labels: references.map((reference) => reference ?? ""),
      });
      const answer = await post(url, body, { ...files, token: token?.(), signal });
      return rewardsOf(answer);
    },
    [Symbol.dispose]() {},
  };
}

function urlOf({ address, insecure }: OpenRlhfReward): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch (cause) {
    throw new InputError(
      `Cannot use ${
        JSON.stringify(address)
      }: expected a URL, as "http://127.0.0.1:5000/get_reward"`,
      { cause },
    );
  }
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && (loopback || insecure))) return url;
  throw new InputError(
    `Cannot use ${address}: expected https, since the host is not this machine; set insecure to ` +
      "send texts in plaintext all the same",
  );
}

interface Sending {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

function post(url: URL, body: string, { token, signal, ...files }: Sending): Promise<string> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const broken = (error: Error) => {
      if (signal.aborted) reject(signal.reason);
      else reject(new ConnectionError(error.message, { cause: error }));
    };
    const headers = {
      "content-type": "application/json",
      "content-length": new TextEncoder().encode(body).length,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const outgoing = send(url, { method: "POST", headers, signal, ...files }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) outgoing.destroy(new Error("its answer is over 16 MiB"));
      });
      incoming.on("error", broken);
      incoming.on("end", () => {
        const { statusCode: status = 0, headers: { "retry-after": after } } = incoming;
        if (status >= 200 && status < 300) return resolve(text);
        const seconds = Number(after);
        const pause = after !== undefined && Number.isFinite(seconds) ? seconds * 1000 : undefined;
        reject(new HttpStatusError(status, pause, text.trim()));
      });
    });
    outgoing.on("error", broken);
    outgoing.end(body);
  });
}

/** The answer's rewards, unchecked. NaN and Infinity, which Python's JSON writes, are not broken JSON. */
function rewardsOf(text: string): unknown {
  let answer: unknown;
  try {
    answer = JSON.parse(text.replaceAll(/\b(NaN|-?Infinity)\b/g, '"$1"'));
  } catch (cause) {
    throw new InputError(`it answered ${JSON.stringify(text.slice(0, 100))}, expected JSON`, {
      cause,
    });
  }
  // Some of its servers answer with the list itself.
  if (Array.isArray(answer)) return answer;
  const { rewards } = (answer ?? {}) as { readonly rewards?: unknown };
  if (rewards === undefined) {
    throw new InputError(
      `it answered ${JSON.stringify(text.slice(0, 100))}, expected {"rewards": [...]}`,
    );
  }
  return rewards;
}
