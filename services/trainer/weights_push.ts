import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { LoraConfig } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { type policyService, type policyV1, type RpcClient, RpcError } from "@decorum/rpc";

/** A client of a policy. */
export type PolicyClient = RpcClient<typeof policyService>;

/** Weights as they go over the wire; made once, sent to every policy. */
export interface WeightsImage {
  readonly runId: string;
  /** 1 and up; 0: the weights that training starts from, which become START of the run. */
  readonly version: number;
  readonly manifest: policyV1.WeightsManifest;
  readonly bytes: Uint8Array;
  /** Over `bytes`. */
  readonly sha256: Uint8Array;
}

/** Largest piece of an upload that every policy takes. */
const CHUNK_BYTES = 2 ** 20;

/**
 * The weights of one version: adapter and value head in float32, one tensor after another.
 *
 * @param parameters under the checkpoint's keys
 */
export function weightsImage(
  runId: string,
  version: number,
  parameters: Params,
  lora: LoraConfig,
): WeightsImage {
  const parts = [...parameters].map(([name, { dims, data }]) => ({
    name,
    dims: [...dims],
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  const totalBytes = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const all = new Uint8Array(totalBytes);
  let at = 0;
  const tensors = parts.map(({ name, dims, bytes }) => {
    all.set(bytes, at);
    at += bytes.length;
    return { name, dims, dtype: "TENSOR_DTYPE_FLOAT32" as const, sha256: sha256(bytes) };
  });
  const adapter = {
    r: lora.r,
    loraAlpha: lora.loraAlpha,
    targetModules: [...lora.targetModules],
  };
  const manifest = { tensors, adapter, totalBytes, start: version === 0 };
  return { runId, version, manifest, bytes: all, sha256: sha256(all) };
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
  const { signal } = options;
  const held = await heldOf(client, runId, signal);
  if (held?.held.some((weights) => isImage(weights, image))) {
    // The newest must be ours too, or a later push would not fit on it.
    if (version === 0 || held.current?.version === version) return;
  }
  const newest = held?.current?.kind === "WEIGHTS_KIND_VERSION" ? held.current.version : 0;
  const expectedVersion = version === 0 ? newest : version - 1;
  const restart = version > 0 && newest !== expectedVersion;
  if (restart && held && newest > 0 && !options.takeOver) {
    throw new Error(
      `Cannot push version ${version} of run "${runId}" to ${client.address}: it holds version ${newest}, ` +
        `which this trainer did not push; does another trainer use the same run id?`,
    );
  }
  await push(client, image, { baseModelHash, expectedVersion, restart, signal });
}

async function push(
  client: PolicyClient,
  image: WeightsImage,
  { baseModelHash, expectedVersion, restart, signal }: {
    readonly baseModelHash: string;
    readonly expectedVersion: number;
    readonly restart: boolean;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { runId, manifest, version } = image;
  const begin = { runId, baseModelHash, expectedVersion, manifest, restart };
  const { uploadId, maxChunkBytes } = await client.beginWeights(begin, { signal });
  try {
    const size = Math.min(CHUNK_BYTES, maxChunkBytes || CHUNK_BYTES);
    await client.uploadWeights(chunks(uploadId, image.bytes, size), { signal });
    const { weights } = await client.commitWeights({ uploadId, expectedVersion }, { signal });
    if (isImage(weights, image)) return;
    throw new Error(
      `Pushed version ${version} of run "${runId}" to ${client.address}, and it answered with ` +
        `${weights?.kind} ${weights?.version} of run "${weights?.runId}"; is it the policy of this version of Decorum?`,
    );
  } catch (error) {
    await client.abortWeights({ uploadId }, { deadlineMs: 2000 }).catch(() => {});
    throw error;
  }
}

function* chunks(
  uploadId: string,
  bytes: Uint8Array,
  size: number,
): Generator<policyV1.UploadWeightsRequest> {
  for (let offset = 0; offset < bytes.length; offset += size) {
    const data = bytes.subarray(offset, offset + size);
    yield { uploadId: offset === 0 ? uploadId : "", offset, data, crc32: crc32(data) };
  }
}

async function heldOf(client: PolicyClient, runId: string, signal: AbortSignal) {
  try {
    return await client.getVersion({ runId }, { signal });
  } catch (error) {
    if (error instanceof RpcError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
