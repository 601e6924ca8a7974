import { Buffer } from "node:buffer";
import {
  type Fleet,
  type Member,
  type PolicyClient,
  shareWork,
  UnfitError,
  type Waiting,
} from "@decorum/fleet";
import { failedPrecondition, type policyV1, RpcError } from "@decorum/rpc";
import { groupByLength } from "@decorum/text";
import type { EvaluationPrompt } from "./evaluation_request.ts";
import type { SequenceLogprobs } from "./statistics.ts";

/** The policies of one evaluation. */
export interface Policies {
  readonly fleet: Fleet<PolicyClient>;
  /** How long to wait for policies that are away, and whom to tell. */
  readonly waiting: Pick<Waiting, "say" | "patienceMs">;
  /** Base model of each policy, as far as it was asked; all must hold the same one. */
  readonly models: Map<Member<PolicyClient>, string>;
}

/** A response to one prompt; the log-probabilities are empty unless asked for. */
export interface Completion extends SequenceLogprobs {
  readonly text: string;
  /** End token included. */
  readonly tokens: number;
}

/** The responses of one side. */
export interface Side {
  /** In the order of the prompts. */
  readonly completions: readonly Completion[];
  /** The weights that made all of them. */
  readonly weights: policyV1.WeightsVersion;
}

export interface CompletionOptions {
  readonly prompts: readonly EvaluationPrompt[];
  readonly sampling: policyV1.SamplingParameters;
  readonly seed: number;
  readonly weights: policyV1.WeightsSelector;
  /** Prompts of one request. */
  readonly groupSize: number;
  /** With log-probabilities, and those under the START weights. */
  readonly logprobs: boolean;
  readonly signal: AbortSignal;
  /** Called with the number of prompts that are done. */
  readonly onDone: (done: number) => void;
}

interface Group {
  readonly completions: readonly Completion[];
  readonly weights: policyV1.WeightsVersion;
}

/**
 * Has the policies complete all prompts, group by group, each executed as sent: the same prompts make the same
 * groups, so two sides differ by their weights alone. What "the newest version" means is decided by the first
 * group.
 *
 * @throws StatusError FAILED_PRECONDITION when the weights change meanwhile, or two policies hold different base
 * models, UNAVAILABLE when no policy answers; RpcError NOT_FOUND when none holds the weights; the signal's reason
 */
export async function complete(policies: Policies, options: CompletionOptions): Promise<Side> {
  const { prompts, groupSize, onDone } = options;
  const groups = groupByLength(prompts.map(({ prompt }) => prompt.length), groupSize);
  let done = 0;
  const run = async (
    part: readonly (readonly number[])[],
    weights: policyV1.WeightsSelector,
  ): Promise<Group[]> =>
    await shareGroups(
      policies,
      part,
      { ...options, weights },
      (index) => onDone(done += part[index]!.length),
    );
  const [first] = await run(groups.slice(0, 1), options.weights);
  const { weights } = first!;
  const { kind, runId, version } = weights;
  const rest = await run(groups.slice(1), { kind: kind!, runId: runId!, version: version! });
  const completions: Completion[] = [];
  for (const [g, group] of [first!, ...rest].entries()) {
    if (describe(group.weights) !== describe(weights)) {
      throw failedPrecondition(
        `Cannot evaluate: the weights changed from ${describe(weights)} to ${
          describe(group.weights)
        } meanwhile; evaluate again`,
      );
    }
    groups[g]!.forEach((index, i) => completions[index] = group.completions[i]!);
  }
  return { completions, weights };
}

/** Has groups completed by whichever policy is free. One that lacks the weights is left out while others hold them. */
async function shareGroups(
  { fleet, waiting, models }: Policies,
  groups: readonly (readonly number[])[],
  options: CompletionOptions,
  onDone: (index: number) => void,
): Promise<Group[]> {
  const { signal } = options;
  const work = async (
    member: Member<PolicyClient>,
    indices: readonly number[],
    signal: AbortSignal,
  ): Promise<Group> => {
    try {
      await checkModel(models, member, signal);
      return await completeGroup(member.client, indices, options, signal);
    } catch (error) {
      models.delete(member);
      if (!(error instanceof RpcError && error.code === "NOT_FOUND")) throw error;
      throw fleet.leaveOut(member, error);
    }
  };
  try {
    const stops = { stop: signal, cancel: signal };
    return await shareWork(fleet, groups, work, { ...waiting, ...stops }, { onDone });
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof UnfitError ? error.cause : error;
  }
}

/** A policy that failed is asked again: it may be another process. */
async function checkModel(
  models: Map<Member<PolicyClient>, string>,
  member: Member<PolicyClient>,
  signal: AbortSignal,
): Promise<void> {
  if (models.has(member)) return;
  const { baseModelHash } = await member.client.getModelInfo({}, { signal });
  for (const [{ address }, hash] of models) {
    if (hash === baseModelHash) continue;
    throw failedPrecondition(
      `Cannot evaluate: policy ${address} holds base model ${hash}, policy ${member.address} ${baseModelHash}; ` +
        "give all of them the same model",
    );
  }
  models.set(member, baseModelHash);
}

async function completeGroup(
  client: PolicyClient,
  indices: readonly number[],
  { prompts, sampling, seed, weights, logprobs }: CompletionOptions,
  signal: AbortSignal,
): Promise<Group> {
  const group = indices.map((i) => prompts[i]!);
  const found = new Map<string, Completion>();
  let made: policyV1.WeightsVersion | undefined;
  const answers = client.generate({
    prompts: group.map(({ key, prompt }) => ({ key, text: prompt })),
    sampling,
    seed,
    weights,
    asSent: true,
    returnLogprobs: logprobs,
    returnRefLogprobs: logprobs,
    returnText: true,
  }, { signal });
  for await (const { chunks, weights: by } of answers) {
    made ??= by ?? undefined;
    for (const chunk of chunks) {
      found.set(chunk.key, {
        text: chunk.text,
        tokens: chunk.tokenIds.length,
        logprobs: chunk.logprobs,
        refLogprobs: chunk.refLogprobs,
      });
    }
  }
  const completions = group.map(({ key }) => found.get(key));
  const missing = completions.findIndex((completion) => completion === undefined);
  if (made === undefined || missing >= 0) {
    throw new Error(
      `Policy ${client.address} did not complete prompt ${
        JSON.stringify(group[Math.max(0, missing)]?.key)
      }`,
    );
  }
  return { completions: completions as Completion[], weights: made };
}

function describe({ kind, runId, version, sha256 }: policyV1.WeightsVersion): string {
  const digest = Buffer.from((sha256 ?? new Uint8Array()) as Uint8Array).toString("hex");
  return `${kind} ${version} of run "${runId}" (sha256 ${digest.slice(0, 12)})`;
}
