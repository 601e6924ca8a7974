import { createHash } from "node:crypto";
import { pool, retry } from "@decorum/async";
import { RpcError, type StatusName } from "@decorum/rpc";
import {
  checkScores,
  type RewardBatch,
  type RewardCall,
  RewardError,
  type RewardSource,
} from "./source.ts";
import type { Remote, RemoteCalls } from "./remote_calls.ts";
import { ConnectionError, HttpStatusError } from "./remote_http.ts";
import { inferenceRemote, type InferenceReward } from "./remote_inference.ts";
import { openRlhfRemote, type OpenRlhfReward } from "./remote_openrlhf.ts";
import { teiRemote, type TeiReward } from "./remote_tei.ts";

/** A reward that another system computes. */
export type RemoteReward = OpenRlhfReward | InferenceReward | TeiReward;

/** Statuses after which another try may help. */
const away: readonly StatusName[] = [
  ...["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"] as const,
  ...["UNKNOWN", "INTERNAL", "CANCELLED"] as const,
];

/**
 * A reward of another system: batches of `batch_size`, `concurrency` at once. A server that is away, overloaded or has
 * a fault is waited for, up to `wait_limit_s`; what it refuses, or answers wrongly, ends the call.
 *
 * @throws InputError for plaintext where it is not allowed, or files that cannot be read
 */
export function remoteSource(term: string, reward: RemoteReward): RewardSource {
  const remote = open(reward);
  // What was last said to be waited for; calls wait beside each other.
  let told: string | undefined;
  const one = async (batch: RewardBatch, first: number, call: RewardCall) => {
    const since = performance.now();
    const answer = await retry(
      async () => {
        const limit = AbortSignal.timeout(reward.time_limit_s * 1000);
        try {
          return await remote.call(batch, AbortSignal.any([call.signal, limit]));
        } catch (error) {
          throw limit.aborted ? limit.reason : error;
        }
      },
      {
        signal: call.signal,
        askedMs,
        mayPass(error) {
          const waitedMs = performance.now() - since + (askedMs(error) ?? 0);
          if (!isAway(error) || waitedMs > reward.wait_limit_s * 1000) return false;
          const message = messageOf(error, reward);
          if (message !== told) {
            call.say(`reward "${term}" at ${reward.address}: ${message}; waiting`);
          }
          told = message;
          return true;
        },
      },
    ).catch((error) => {
      call.signal.throwIfAborted();
      throw new RewardError(term, undefined, `${reward.address}: ${messageOf(error, reward)}`, {
        cause: error,
      });
    });
    if (told !== undefined) call.say(`reward "${term}" at ${reward.address} answers again`);
    told = undefined;
    return inBatch(first, () => checkScores(term, answer, batch.responses.length));
  };
  return {
    async score(batch, call) {
      const starts: number[] = [];
      for (let at = 0; at < batch.responses.length; at += reward.batch_size) starts.push(at);
      const parts = await pool(
        starts,
        reward.concurrency,
        (at) => one(partOf(batch, at, at + reward.batch_size), at, call),
      );
      return { scores: parts.flat() };
    },
    version: () => Promise.resolve(identity(reward)),
    [Symbol.asyncDispose]() {
      remote[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

function open(reward: RemoteReward): Remote {
  switch (reward.kind) {
    case "openrlhf":
      return openRlhfRemote(reward);
    case "inference":
      return inferenceRemote(reward);
    case "tei":
      return teiRemote(reward);
  }
}

/** Whether another try may help: the other side is away, overloaded, or has a fault. */
export function isAway(error: unknown): boolean {
  if (error instanceof RpcError) return away.includes(error.code) && (error.pushbackMs ?? 0) >= 0;
  if (error instanceof HttpStatusError) return error.status >= 500 || error.status === 429;
  return error instanceof ConnectionError || isTimeout(error);
}

/** Milliseconds after which the other side allows another try, where it says so. */
function askedMs(error: unknown): number | undefined {
  if (error instanceof RpcError) return error.pushbackMs;
  return error instanceof HttpStatusError ? error.retryAfterMs : undefined;
}

function isTimeout(error: unknown): boolean {
  // A deadline is as long as the limit, and may be noticed first.
  if (error instanceof RpcError) return error.code === "DEADLINE_EXCEEDED";
  return error instanceof DOMException && error.name === "TimeoutError";
}

function messageOf(error: unknown, { time_limit_s: limit }: RemoteCalls): string {
  if (isTimeout(error)) return `it did not answer for ${limit} s (time_limit_s)`;
  return error instanceof Error ? error.message : String(error);
}

/** What decides the numbers, as far as this side knows: not how it is called. */
function identity(reward: RemoteReward): string {
  const { tls: _, insecure: __, token_file: ___, concurrency: ____, ...rest } = reward;
  const { time_limit_s: _____, wait_limit_s: ______, ...decisive } = rest;
  return createHash("sha256").update(JSON.stringify(decisive)).digest("hex");
}

function partOf({ prompts, responses, references, rows }: RewardBatch, from: number, to: number) {
  return {
    prompts: prompts.slice(from, to),
    responses: responses.slice(from, to),
    references: references.slice(from, to),
    rows: rows.slice(from, to),
  };
}

/** Rows in messages count within the whole batch. */
function inBatch<T>(first: number, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof RewardError) || error.row === undefined || first === 0) throw error;
    throw error.at(first + error.row);
  }
}
