import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { CallOptions, policyService, policyV1, RpcClient } from "@decorum/rpc";
import type { Tensor } from "@decorum/tensor";

/** Weights in the form in which they are pushed; made once for all replicas. */
export interface PackedWeights {
  readonly manifest: policyV1.WeightsManifest;
  readonly bytes: Uint8Array;
  /** SHA-256 over `bytes`: what the answer must name. */
  readonly sha256: Uint8Array;
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
  adapter: {
    readonly r: number;
    readonly loraAlpha: number;
    readonly targetModules: readonly string[];
  },
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
    adapter: {
      r: adapter.r,
      loraAlpha: adapter.loraAlpha,
      targetModules: [...adapter.targetModules],
    },
    totalBytes: bytes.length,
    start: options.start ?? false,
  };
  return { manifest, bytes, sha256: createHash("sha256").update(bytes).digest() };
}

/**
 * Pushes weights to one policy: begin, upload, commit. A push that fails is aborted.
 *
 * @returns the version that was made
 * @throws RpcError as the policy refuses it; Error when the policy names other bytes than were sent
 */
export async function pushWeights(
  policy: Pick<
    RpcClient<typeof policyService>,
    "beginWeights" | "uploadWeights" | "commitWeights" | "abortWeights" | "address"
  >,
  weights: PackedWeights,
  target: PushTarget,
  options: CallOptions = {},
): Promise<policyV1.WeightsVersion__Output> {
  const { manifest, bytes, sha256 } = weights;
  const { expectedVersion } = target;
  const { uploadId, maxChunkBytes } = await policy.beginWeights({ ...target, manifest }, options);
  try {
    await policy.uploadWeights(chunksOf(uploadId, bytes, maxChunkBytes), options);
    const answer = await policy.commitWeights({ uploadId, expectedVersion }, options);
    if (answer.weights === null || !answer.weights.sha256.equals(sha256)) {
      throw new Error(
        `internal: ${policy.address} committed other weights than were pushed to it`,
      );
    }
    return answer.weights;
  } catch (error) {
    await policy.abortWeights({ uploadId }).catch(() => {});
    throw error;
  }
}

function* chunksOf(
  uploadId: string,
  bytes: Uint8Array,
  size: number,
): Iterable<policyV1.UploadWeightsRequest> {
  for (let offset = 0; offset < bytes.length; offset += size) {
    const data = bytes.subarray(offset, offset + size);
    yield { uploadId: offset === 0 ? uploadId : "", offset, data, crc32: crc32(data) };
  }
}
