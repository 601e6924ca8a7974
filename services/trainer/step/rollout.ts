import { Buffer } from "node:buffer";
import {
  type GenerationRequest,
  type GenerationSettings,
  InvariantError,
  type Rollout,
} from "@decorum/algorithms";
import {
  isImage,
  type Policies,
  type PolicyClient,
  type Waiting,
  type WeightsImage,
} from "@decorum/fleet";
import type { policyV1 } from "@decorum/rpc";

/** How responses are drawn, on the wire. */
export function samplingOf(
  settings: GenerationSettings["sampling"],
): policyV1.SamplingParameters {
  return {
    doSample: true,
    temperature: settings.temperature,
    topK: settings.top_k,
    topP: settings.top_p,
    minNewTokens: settings.min_new_tokens,
    maxNewTokens: settings.max_new_tokens,
  };
}

/**
 * Completes groups of prompts under the newest weights, on whichever policy is free. Which policies there are, and
 * what happens to them meanwhile, does not change the result (see `shareWork`).
 *
 * @throws InvariantError when an answer is not what was asked for; else as `shareWork`
 */
export async function rollout(
  policies: Policies,
  groups: readonly (readonly GenerationRequest[])[],
  settings: GenerationSettings,
  waiting: Waiting,
): Promise<Rollout[][]> {
  return await policies.share(
    groups,
    (client, group, weights, signal) => complete(client, group, settings, weights, signal),
    waiting,
  );
}

async function complete(
  client: PolicyClient,
  prompts: readonly GenerationRequest[],
  { sampling, seed, values, sharePrompts }: GenerationSettings,
  weights: WeightsImage,
  signal: AbortSignal,
): Promise<Rollout[]> {
  const request: policyV1.GenerateRequest = {
    prompts: prompts.map(({ key, ids, maxNewTokens }) => ({
      key,
      tokenIds: { ids: [...ids] },
      maxNewTokens,
    })),
    sampling: samplingOf(sampling),
    seed,
    weights: { kind: "WEIGHTS_KIND_VERSION", runId: weights.runId, version: weights.version },
    asSent: true,
    sharePrompts,
    returnLogprobs: true,
    returnValues: values,
  };
  const collected = new Map(prompts.map(({ key }) => [key, new Collected(values)]));
  for await (const answer of client.generate(request, { signal })) {
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
