import { Buffer } from "node:buffer";
import { InvariantError } from "@decorum/algorithms";
import { type policyV1, RpcError } from "@decorum/rpc";
import { type Policies, type PolicyReplica, UnfitError } from "../policies.ts";
import { Backoff, pause, persist, type Waiting } from "../waiting.ts";
import { isImage, type WeightsImage } from "../weights_push.ts";

/** One prompt to complete. */
export interface RolloutPrompt {
  /** Decides the draws, together with the run's seed. */
  readonly key: string;
  readonly ids: readonly number[];
  readonly maxNewTokens: number;
}

/** What a policy made of one prompt; arrays are parallel. */
export interface Rollout {
  /** Token ids, eos included where there is one. */
  readonly response: number[];
  readonly logprobs: Float32Array;
  /** Empty where none were asked for. */
  readonly values: Float32Array;
  /** Whether the response ended by itself. */
  readonly hasEos: boolean;
}

/** How responses are drawn. */
export interface RolloutSettings {
  readonly sampling: policyV1.SamplingParameters;
  readonly seed: number;
  /** Asks for the value head's word too. */
  readonly values: boolean;
}

/**
 * Groups of a batch: like lengths together, so that little padding is computed. They depend on the lengths
 * alone, not on who executes them.
 *
 * @returns indices of the prompts of each group
 */
export function rolloutGroups(lengths: readonly number[], size: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const count = Math.ceil(order.length / size);
  return Array.from({ length: count }, (_, g) => order.slice(g * size, (g + 1) * size));
}

/**
 * Completes groups of prompts on whichever policy is free. A policy that fails is waited for while the others
 * go on; one that began anew gets its weights first. Names are looked up again and again meanwhile: who joins
 * gets weights and work, and the group of one that leaves is begun elsewhere too. The result does not depend on
 * any of it.
 *
 * @throws InvariantError when an answer is not what was asked for; StoppedError when the wait is ended
 */
export async function rollout(
  policies: Policies,
  groups: readonly (readonly RolloutPrompt[])[],
  settings: RolloutSettings,
  waiting: Waiting,
): Promise<Rollout[][]> {
  const results: Rollout[][] = [];
  const pending = groups.map((_, i) => i);
  let missing = groups.length;
  let wake = Promise.withResolvers<void>();
  const wakeAll = () => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  const over = new AbortController();
  const failed = Promise.withResolvers<never>();
  const all: Waiting = { ...waiting, cancel: AbortSignal.any([waiting.cancel, over.signal]) };
  const workers = new Map<PolicyReplica, Promise<void>>();
  /** Groups that a policy is at. */
  const under = new Map<PolicyReplica, number>();

  /** Gives work to policies that have none yet, and that of those that have left to others. */
  const recruit = async (): Promise<void> => {
    for (const replica of await policies.resolve()) {
      if (!workers.has(replica)) workers.set(replica, work(replica).catch(failed.reject));
    }
    for (const [replica, index] of under) {
      if (policies.has(replica)) continue;
      under.delete(replica);
      pending.unshift(index);
      wakeAll();
    }
  };

  const work = async (replica: PolicyReplica): Promise<void> => {
    const backoff = new Backoff(`policy ${replica.address}`, policies.once(replica, waiting));
    let lost = 0;
    while (missing > 0 && !over.signal.aborted && policies.has(replica)) {
      const index = pending.shift();
      if (index === undefined) {
        await wake.promise;
        continue;
      }
      if (results[index]) continue;
      under.set(replica, index);
      try {
        const found = await policies.use(replica, async () => {
          await policies.ensure(replica, all.cancel);
          return await complete(replica, groups[index]!, settings, policies.newest, all);
        });
        backoff.succeeded();
        policies.back(replica, waiting);
        lost = 0;
        if (!results[index]) missing--;
        results[index] = found;
        under.delete(replica);
      } catch (error) {
        // Where it is not any more, others are at it already.
        if (under.delete(replica)) pending.unshift(index);
        policies.forget(replica);
        wakeAll();
        if (over.signal.aborted) return;
        if (error instanceof UnfitError) return waiting.say(error.message);
        // Its weights are pushed again; should it lose them at once again, that is its fault.
        if (error instanceof RpcError && error.code === "NOT_FOUND" && lost++ < 2) {
          waiting.say(`policy ${replica.address} has lost its weights: pushing them again`);
        } else {
          await backoff.after(error, over.signal);
          replica.away ||= over.signal.aborted;
          // Others may stand behind its name by now.
          if (!over.signal.aborted) await recruit();
        }
      }
      wakeAll();
    }
  };

  /** Looks for those that join and leave, until all is done. */
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await pause(policies.options.refreshMs ?? 2000, [over.signal, waiting.cancel]);
      if (waiting.cancel.aborted) return;
      if (!over.signal.aborted) await recruit();
    }
  };

  await persist("the policies", waiting, recruit);
  const watching = watch().catch(failed.reject);
  const done = async () => {
    while (missing > 0) await wake.promise;
  };
  try {
    await Promise.race([done(), failed.promise]);
  } finally {
    over.abort();
    wakeAll();
    await Promise.allSettled([...workers.values(), watching]);
  }
  return results;
}

async function complete(
  { client }: PolicyReplica,
  prompts: readonly RolloutPrompt[],
  { sampling, seed, values }: RolloutSettings,
  weights: WeightsImage,
  { cancel }: Waiting,
): Promise<Rollout[]> {
  const request: policyV1.GenerateRequest = {
    prompts: prompts.map(({ key, ids, maxNewTokens }) => ({
      key,
      tokenIds: { ids: [...ids] },
      maxNewTokens,
    })),
    sampling,
    seed,
    weights: { kind: "WEIGHTS_KIND_VERSION", runId: weights.runId, version: weights.version },
    asSent: true,
    returnLogprobs: true,
    returnValues: values,
  };
  const collected = new Map(prompts.map(({ key }) => [key, new Collected(values)]));
  for await (const answer of client.generate(request, { signal: cancel })) {
    checkWeights(answer.weights, weights, client.address);
    for (const chunk of answer.chunks) {
      const sequence = collected.get(chunk.key);
      if (!sequence?.add(chunk)) {
        throw wrong(client.address, `an unexpected chunk of sequence "${chunk.key}"`);
      }
    }
  }
  return prompts.map(({ key, maxNewTokens }) => {
    const found = collected.get(key)!;
    if (found.reason === undefined || found.ids.length === 0 || found.ids.length > maxNewTokens) {
      throw wrong(client.address, `sequence "${key}" with ${found.ids.length} tokens and no end`);
    }
    return {
      response: found.ids,
      logprobs: Float32Array.from(found.logprobs),
      values: Float32Array.from(found.values),
      hasEos: found.reason === "FINISH_REASON_EOS",
    };
  });
}

/** The chunks of one sequence, put together. */
class Collected {
  readonly ids: number[] = [];
  readonly logprobs: number[] = [];
  readonly values: number[] = [];
  reason: policyV1.FinishReason__Output | undefined;

  constructor(readonly withValues: boolean) {}

  /** @returns false for a chunk that does not follow on the ones before it */
  add(
    { offset, tokenIds, logprobs, values, finishReason }: policyV1.SequenceChunk__Output,
  ): boolean {
    const parallel = logprobs.length === tokenIds.length &&
      (!this.withValues || values.length === tokenIds.length);
    if (offset !== this.ids.length || !parallel || this.reason !== undefined) return false;
    this.ids.push(...tokenIds);
    this.logprobs.push(...logprobs);
    if (this.withValues) this.values.push(...values);
    if (finishReason !== "FINISH_REASON_UNSPECIFIED") this.reason = finishReason;
    return true;
  }
}

function checkWeights(
  found: policyV1.WeightsVersion__Output | null,
  expected: WeightsImage,
  address: string,
): void {
  if (isImage(found, expected)) return;
  const sha = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").slice(0, 12);
  throw new InvariantError(
    `Policy ${address} completed with ${found?.kind} ${found?.version} (sha256 ${
      sha(found?.sha256 ?? new Uint8Array())
    }): expected version ${expected.version} of run "${expected.runId}" (sha256 ${
      sha(expected.sha256)
    })`,
  );
}

function wrong(address: string, what: string): InvariantError {
  return new InvariantError(
    `Policy ${address} sent ${what}: expected every sequence whole, in order, with log-probabilities, and values where they are asked for`,
  );
}
