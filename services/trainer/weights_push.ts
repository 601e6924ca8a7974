import { Buffer } from "node:buffer";
import type { LoraConfig } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { type policyService, type policyV1, type RpcClient, RpcError } from "@decorum/rpc";
import { type PackedWeights, packWeights, pushWeights } from "@decorum/service";

/** A client of a policy. */
export type PolicyClient = RpcClient<typeof policyService>;

/** Weights of a run as they go over the wire; made once, sent to every policy. */
export interface WeightsImage extends PackedWeights {
  readonly runId: string;
  /** 1 and up; 0: the weights that training starts from, which become START of the run. */
  readonly version: number;
}

/** The weights of one version: adapter and value head, under the checkpoint's keys. */
export function weightsImage(
  runId: string,
  version: number,
  parameters: Params,
  lora: LoraConfig,
): WeightsImage {
  return { runId, version, ...packWeights(parameters, lora, { start: version === 0 }) };
}

/** Whether `found` are the weights of `image`. */
export function isImage(
  found: policyV1.WeightsVersion__Output | null,
  { runId, version, sha256 }: WeightsImage,
): boolean {
  return found !== null && found.runId === runId && found.version === version &&
    found.kind === (version === 0 ? "WEIGHTS_KIND_START" : "WEIGHTS_KIND_VERSION") &&
    Buffer.compare(found.sha256, sha256) === 0;
}

/**
 * Makes sure that a policy holds the weights, which it may do already: a commit whose answer was lost, a
 * policy that was there before this trainer.
 *
 * @param options.takeOver replaces whatever the policy holds of the run: for a trainer that begins or resumes
 * @throws RpcError as the policy says; Error when it holds a version that this trainer did not push
 */
export async function ensureWeights(
  client: PolicyClient,
  image: WeightsImage,
  baseModelHash: string,
  options: { readonly takeOver: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { runId, version } = image;
  const { takeOver, signal } = options;
  const held = await heldOf(client, runId, signal);
  const newest = held?.current?.kind === "WEIGHTS_KIND_VERSION" ? held.current.version : 0;
  if (held?.held.some((weights) => isImage(weights, image))) {
    // The newest must be ours too, or a later push would not fit on it.
    if (version === 0 || newest === version) return;
  }
  const expectedVersion = version === 0 ? newest : version - 1;
  const restart = version > 0 && newest !== expectedVersion;
  if (restart && newest > 0 && !takeOver) {
    throw new Error(
      `Cannot push version ${version} of run "${runId}" to ${client.address}: it holds version ${newest}, ` +
        `which this trainer did not push; does another trainer use the same run id?`,
    );
  }
  const target = { runId, baseModelHash, expectedVersion, restart };
  const made = await pushWeights(client, image, target, { signal });
  if (isImage(made, image)) return;
  throw new Error(
    `Pushed version ${version} of run "${runId}" to ${client.address}, and it answered with ${made.kind} ` +
      `${made.version} of run "${made.runId}"; is it a policy of this version of Decorum?`,
  );
}

/** What a policy holds of a run (of all, for an empty id); undefined where it does not know it. */
export async function heldOf(
  client: PolicyClient,
  runId: string,
  signal: AbortSignal,
): Promise<policyV1.GetVersionResponse__Output | undefined> {
  try {
    return await client.getVersion({ runId }, { signal });
  } catch (error) {
    if (error instanceof RpcError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
