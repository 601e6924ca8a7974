import { Buffer } from "node:buffer";
import { failedPrecondition, type policyV1 } from "@decorum/rpc";
import type { EvaluationPrompt } from "./evaluation_request.ts";
import type { PolicyClient, PolicyPool } from "./policy_pool.ts";
import type { SequenceLogprobs } from "./text_metrics.ts";

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
  readonly indices: readonly number[];
  readonly completions: readonly Completion[];
  readonly weights: policyV1.WeightsVersion;
}

/**
 * Has the policy complete all prompts, group by group, each executed as sent: the same prompts make the same
 * groups, so two sides differ by their weights alone. What "the newest version" means is settled by the first
 * group.
 *
 * @throws StatusError FAILED_PRECONDITION when the weights changed in between; as `PolicyPool.map`
 */
export async function complete(pool: PolicyPool, options: CompletionOptions): Promise<Side> {
  const { prompts, signal, onDone, groupSize } = options;
  let done = 0;
  const run = async (
    groups: readonly (readonly number[])[],
    weights: policyV1.WeightsSelector,
  ): Promise<Group[]> =>
    await pool.map(groups, signal, async (client, indices, running) => {
      const group = await completeGroup(client, indices, { ...options, weights }, running);
      onDone(done += indices.length);
      return group;
    });
  const [first, ...others] = groupsOf(prompts, groupSize);
  const [begun] = await run([first!], options.weights);
  const { weights } = begun!;
  const { kind, runId, version } = weights;
  const rest = await run(others, { kind: kind!, runId: runId!, version: version! });
  const completions = new Map<number, Completion>();
  for (const group of [begun!, ...rest]) {
    if (describe(group.weights) !== describe(weights)) {
      throw failedPrecondition(
        `Cannot evaluate: the weights changed from ${describe(weights)} to ${
          describe(group.weights)
        } ` +
          "in between; evaluate again",
      );
    }
    group.indices.forEach((index, i) => completions.set(index, group.completions[i]!));
  }
  return { completions: prompts.map((_, i) => completions.get(i)!), weights };
}

/** Prompts of like length together: little padding. */
function groupsOf(prompts: readonly EvaluationPrompt[], size: number): number[][] {
  const order = prompts.map((_, i) => i)
    .sort((a, b) => prompts[a]!.prompt.length - prompts[b]!.prompt.length || a - b);
  const count = Math.ceil(order.length / size);
  return Array.from({ length: count }, (_, g) => order.slice(g * size, (g + 1) * size));
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
  return { indices, completions: completions as Completion[], weights: made };
}

function describe({ kind, runId, version, sha256 }: policyV1.WeightsVersion): string {
  const digest = Buffer.from((sha256 ?? new Uint8Array()) as Uint8Array).toString("hex").slice(
    0,
    12,
  );
  return `${kind} ${version} of run "${runId}" (sha256 ${digest})`;
}
