import {
  adapterShapes,
  type LinearLayers,
  type LoraConfig,
  targetLayers,
  valueHeadShapes,
} from "@decorum/models";
import { failedPrecondition, type policyV1 } from "@decorum/rpc";
import { bytesPerElement, type DType, elementCount, InputError } from "@decorum/tensor";
import type { PolicyModel } from "./model.ts";

/** One tensor of a push and where its bytes lie in it. */
export interface PushedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly length: number;
  readonly sha256: Uint8Array;
}

const dtypes: Readonly<Partial<Record<policyV1.TensorDtype__Output, DType>>> = {
  TENSOR_DTYPE_FLOAT32: "float32",
  TENSOR_DTYPE_FLOAT16: "float16",
  TENSOR_DTYPE_BFLOAT16: "bfloat16",
};

/** Names and shapes that a push must have: adapter and value head. */
export function pushShapes(
  lora: LoraConfig,
  layers: LinearLayers,
  width: number,
): ReadonlyMap<string, readonly number[]> {
  return new Map<string, readonly number[]>([
    ...adapterShapes(lora, layers),
    ...valueHeadShapes(width),
  ]);
}

/** Most bytes of a push: all tensors in float32. */
export function maxPushBytes(shapes: ReadonlyMap<string, readonly number[]>): number {
  return [...shapes.values()].reduce((sum, dims) => sum + 4 * elementCount(dims), 0);
}

/** Run ids become labels and parts of messages. */
const RUN_ID = /^[\w.:-]{1,128}$/;

/** A push as it was begun; everything that its manifest says has been checked. */
export interface PushRequest {
  readonly runId: string;
  readonly expectedVersion: number;
  /** The tensors become START of the run, not a version. */
  readonly start: boolean;
  /** Whatever is held of the run is replaced. */
  readonly restart: boolean;
  readonly tensors: readonly PushedTensor[];
}

/**
 * The push that a call begins, checked before any byte is taken.
 *
 * @param shapes of the tensors that it must have
 * @throws InputError naming what is wrong; StatusError FAILED_PRECONDITION for another model or adapter
 */
export function pushOf(
  request: policyV1.BeginWeightsRequest__Output,
  model: Pick<PolicyModel, "name" | "baseModelHash" | "lora" | "layers">,
  shapes: ReadonlyMap<string, readonly number[]>,
): PushRequest {
  const { runId, baseModelHash, expectedVersion, manifest, restart } = request;
  if (!RUN_ID.test(runId)) {
    throw new InputError(
      `Cannot take a push for run ${
        JSON.stringify(runId.slice(0, 150))
      }: expected 1 to 128 letters, digits, and . _ : -`,
    );
  }
  if (!Number.isSafeInteger(expectedVersion + 1)) {
    throw new InputError(
      `Cannot take a push on version ${expectedVersion}: expected less than 2^53 - 1`,
    );
  }
  if (baseModelHash !== model.baseModelHash) {
    throw failedPrecondition(
      `Cannot take a push for base model ${baseModelHash.slice(0, 64) || "(none)"}: ` +
        `this policy holds ${model.name}, ${model.baseModelHash}`,
    );
  }
  if (manifest === null) throw new InputError("Cannot take a push: its manifest is missing");
  checkLora(manifest.adapter, model.lora, model.layers);
  const tensors = checkManifest(manifest, shapes);
  return { runId, expectedVersion, start: manifest.start, restart, tensors };
}

/**
 * Checks everything that a manifest says before any byte is taken.
 *
 * @returns its tensors in the order of their bytes
 * @throws InputError naming the tensor
 */
function checkManifest(
  manifest: policyV1.WeightsManifest__Output,
  shapes: ReadonlyMap<string, readonly number[]>,
): PushedTensor[] {
  const what = "Cannot take a push";
  const tensors: PushedTensor[] = [];
  const seen = new Set<string>();
  let offset = 0;
  for (const { name, dtype: wireDtype, dims, sha256 } of manifest.tensors) {
    const expected = shapes.get(name);
    const quoted = JSON.stringify(name.slice(0, 200));
    if (expected === undefined) {
      throw new InputError(
        `${what}: tensor ${quoted} is none of the ${shapes.size} that the adapter and value head have`,
      );
    }
    if (seen.has(name)) throw new InputError(`${what}: tensor ${quoted} is there twice`);
    seen.add(name);
    const dtype = dtypes[wireDtype];
    if (dtype === undefined) {
      throw new InputError(
        `${what}: tensor ${quoted} has type ${wireDtype}; expected ${
          Object.keys(dtypes).join(", ")
        }`,
      );
    }
    if (`${dims}` !== `${expected}`) {
      throw new InputError(
        `${what}: tensor ${quoted} is [${dims.slice(0, 8).join(", ")}], expected [${
          expected.join(", ")
        }]`,
      );
    }
    if (sha256.length !== 32) {
      throw new InputError(
        `${what}: the sha256 of tensor ${quoted} has ${sha256.length} bytes, expected 32`,
      );
    }
    const length = elementCount(dims) * bytesPerElement(dtype);
    tensors.push({ name, dtype, dims, offset, length, sha256 });
    offset += length;
  }
  const missing = [...shapes.keys()].filter((name) => !seen.has(name));
  if (missing.length > 0) {
    throw new InputError(
      `${what}: ${missing.length} of ${shapes.size} tensors are missing (first: "${missing[0]}")`,
    );
  }
  if (manifest.totalBytes !== offset) {
    throw new InputError(
      `${what}: total_bytes is ${manifest.totalBytes}, but its tensors have ${offset} bytes`,
    );
  }
  return tensors;
}

/**
 * Checks that a pushed adapter is of the kind that this policy was configured for: rank, scale, layers.
 *
 * @throws StatusError FAILED_PRECONDITION naming both
 */
function checkLora(
  pushed: policyV1.AdapterConfig__Output | null,
  lora: LoraConfig,
  layers: LinearLayers,
): void {
  const targets = pushed?.targetModules ?? [];
  const fits = pushed !== null && pushed.r === lora.r &&
    // The field is a float on the wire.
    pushed.loraAlpha === Math.fround(lora.loraAlpha) &&
    sameLayers(targets, lora, layers);
  if (fits) return;
  const show = (r: number, alpha: number, names: readonly string[]) =>
    `r ${r}, lora_alpha ${alpha}, target_modules [${names.slice(0, 20).join(", ")}]`;
  throw failedPrecondition(
    `Cannot take a push of an adapter with ${
      pushed ? show(pushed.r, pushed.loraAlpha, targets) : "no configuration"
    }: this policy is configured for ${
      show(lora.r, lora.loraAlpha, lora.targetModules)
    }; give policy and trainer the same model.lora`,
  );
}

/** Whether names mean the configured layers: "q" may also be spelled out, layer by layer. */
function sameLayers(names: readonly string[], lora: LoraConfig, layers: LinearLayers): boolean {
  const expected = targetLayers(lora, layers).join();
  if ([...names].sort().join() === [...lora.targetModules].sort().join()) return true;
  try {
    return targetLayers({ ...lora, targetModules: names }, layers).join() === expected;
  } catch {
    return false;
  }
}
