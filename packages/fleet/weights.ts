import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { baseModelHash, initValueHead, openPolicyModel, readPeftAdapter } from "@decorum/models";
import {
  byteChunks,
  type CallOptions,
  type policyService,
  type policyV1,
  type RpcClient,
  RpcError,
} from "@decorum/rpc";
import type { Tensor } from "@decorum/tensor";

/** A client of a policy. */
export type PolicyClient = RpcClient<typeof policyService>;

/** Weights in the form in which they are pushed; made once for all policies. */
export interface PackedWeights {
  readonly manifest: policyV1.WeightsManifest;
  readonly bytes: Uint8Array;
  /** SHA-256 over `bytes`: what the answer must name. */
  readonly sha256: Uint8Array;
}

/** The packed weights of one version of a run. */
export interface WeightsImage extends PackedWeights {
  readonly runId: string;
  /** 1 and up; 0: the weights that training starts from, which become START of the run. */
  readonly version: number;
}

/** The parts of `LoraConfig` that go with an adapter. */
export interface AdapterShape {
  readonly r: number;
  readonly loraAlpha: number;
  readonly targetModules: readonly string[];
}

/** One push: `BeginWeightsRequest` without its manifest. */
export interface PushTarget {
  readonly runId: string;
  readonly baseModelHash: string;
  /** The run's newest version as the caller knows it. */
  readonly expectedVersion: number;
  /** What the policy holds of the run is replaced, whatever its version. Default false. */
  readonly restart?: boolean;
}

/**
 * Packs adapter and value head, in float32.
 *
 * @param tensors under PEFT's keys and `v_head.summary.*`
 * @param options.start true: they become START of the run. Default false.
 */
export function packWeights(
  tensors: ReadonlyMap<string, Tensor<"float32">>,
  { r, loraAlpha, targetModules }: AdapterShape,
  options: { readonly start?: boolean } = {},
): PackedWeights {
  const parts = [...tensors].map(([name, { dims, data }]) => ({
    name,
    dims,
    bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  }));
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  const manifest: policyV1.WeightsManifest = {
    tensors: parts.map(({ name, dims, bytes }) => ({
      name,
      dtype: "TENSOR_DTYPE_FLOAT32",
      dims: [...dims],
      sha256: createHash("sha256").update(bytes).digest(),
    })),
    adapter: { r, loraAlpha, targetModules: [...targetModules] },
    totalBytes: bytes.length,
    start: options.start ?? false,
  };
  return { manifest, bytes, sha256: createHash("sha256").update(bytes).digest() };
}

/** Packs the weights of one version: adapter and value head, under the checkpoint's keys. */
export function weightsImage(
  runId: string,
  version: number,
  tensors: ReadonlyMap<string, Tensor<"float32">>,
  adapter: AdapterShape,
): WeightsImage {
  return { runId, version, ...packWeights(tensors, adapter, { start: version === 0 }) };
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
 * Pushes weights to one policy: begin, upload, commit. A push that fails is aborted.
 *
 * @returns the version that was made
 * @throws RpcError as the policy refuses it; Error when the policy names other bytes than were sent
 */
export async function pushWeights(
  policy: Pick<
    PolicyClient,
    "beginWeights" | "uploadWeights" | "commitWeights" | "abortWeights" | "address"
  >,
  { manifest, bytes, sha256 }: PackedWeights,
  target: PushTarget,
  options: CallOptions = {},
): Promise<policyV1.WeightsVersion__Output> {
  const { expectedVersion } = target;
  const { uploadId, maxChunkBytes } = await policy.beginWeights({ ...target, manifest }, options);
  try {
    await policy.uploadWeights(uploadOf(uploadId, bytes, maxChunkBytes), options);
    const { weights } = await policy.commitWeights({ uploadId, expectedVersion }, options);
    if (weights?.sha256.equals(sha256)) return weights;
    throw new Error(`internal: ${policy.address} committed other weights than were pushed to it`);
  } catch (error) {
    await policy.abortWeights({ uploadId }).catch(() => {});
    throw error;
  }
}

function* uploadOf(
  uploadId: string,
  bytes: Uint8Array,
  size: number,
): Iterable<policyV1.UploadWeightsRequest> {
  for (const chunk of byteChunks([bytes], size)) {
    yield { uploadId: chunk.offset === 0 ? uploadId : "", ...chunk };
  }
}

/**
 * Makes sure that a policy holds the weights. It may hold them already: after a commit whose answer was lost, or
 * from before this trainer started.
 *
 * @param options.takeOver replaces whatever the policy holds of the run: for a trainer that starts or resumes
 * @throws RpcError as the policy says; Error when it holds a version that this trainer did not push
 */
export async function ensureWeights(
  client: PolicyClient,
  image: WeightsImage,
  baseModelHash: string,
  { takeOver, signal }: { readonly takeOver: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { runId, version } = image;
  const held = await heldOf(client, runId, signal);
  const newest = held?.current?.kind === "WEIGHTS_KIND_VERSION" ? held.current.version : 0;
  // The newest must be ours too, or a later push would not fit on it.
  const complete = version === 0 || newest === version;
  if (complete && held?.held.some((weights) => isImage(weights, image))) return;
  const expectedVersion = version === 0 ? newest : version - 1;
  const restart = version > 0 && newest !== expectedVersion;
  if (restart && newest > 0 && !takeOver) {
    throw new Error(
      `Cannot push version ${version} of run "${runId}" to ${client.address}: it holds version ${newest}, ` +
        "which this trainer did not push; does another trainer use the same run id?",
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

/** A run's weights as files. */
export interface AdapterOfRun {
  readonly runId: string;
  /** Version that they get. */
  readonly version: number;
  /** Folder with the adapter in PEFT's format, its value head, where it has one, beside it. */
  readonly adapter: string;
  /** Folder of the base model. */
  readonly model: string;
}

/**
 * Brings a run's weights from a folder to a policy, whatever it holds of the run.
 *
 * @throws RpcError as the policy says; Error when the folder has no adapter of that model
 */
export async function pushAdapter(
  policy: PolicyClient,
  { runId, version, adapter, model }: AdapterOfRun,
): Promise<void> {
  const { config: base, layers } = openPolicyModel(model);
  const { parameters, config, valueHead = initValueHead(base.hidden_size) } = readPeftAdapter(
    adapter,
    layers,
  );
  const weights = packWeights(new Map([...parameters, ...valueHead]), config);
  await pushWeights(policy, weights, {
    runId,
    baseModelHash: await baseModelHash(model),
    expectedVersion: version - 1,
    restart: true,
  });
}
