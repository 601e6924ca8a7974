import {
  adapterShapes,
  initValueHead,
  type LinearLayers,
  type LoraConfig,
  loraScaling,
} from "@decorum/models";
import { float32, type Tensor, zeros } from "@decorum/tensor";

/** Names weights, as in every answer. */
export interface WeightsLabel {
  readonly kind: "BASE" | "START" | "VERSION";
  /** Empty for BASE, and for a START that came with the configuration. */
  readonly runId: string;
  /** 1 and up for VERSION, else 0. */
  readonly version: number;
  /** SHA-256 over the tensors' bytes; empty for the base. */
  readonly sha256: Uint8Array;
}

/** Weights that a batch may use; never changed once made, so a batch that began with them ends with them. */
export interface HeldWeights {
  readonly label: WeightsLabel;
  /** Adapter, `lora_scale` and value head by the names of the graphs' inputs. */
  readonly feeds: Readonly<Record<string, Tensor>>;
}

/** "version 3 of run r1", for messages. */
export function describeWeights({ kind, runId, version }: WeightsLabel): string {
  if (kind === "VERSION") return `version ${version} of run ${JSON.stringify(runId)}`;
  return runId === "" ? kind : `${kind} of run ${JSON.stringify(runId)}`;
}

/** @param parameters of adapter and value head, under the checkpoint's own keys */
export function heldWeights(
  label: WeightsLabel,
  lora: LoraConfig,
  parameters: ReadonlyMap<string, Tensor<"float32">>,
): HeldWeights {
  const scale = float32([], [loraScaling(lora)]);
  return { label, feeds: { ...Object.fromEntries(parameters), lora_scale: scale } };
}

/** The base model alone: an adapter of zeros, turned off, and values of 0. */
export function baseWeights(
  kind: "BASE" | "START",
  lora: LoraConfig,
  layers: LinearLayers,
  width: number,
): HeldWeights {
  const shapes = adapterShapes(lora, layers);
  const adapter = [...shapes].map(([name, dims]) => [name, zeros("float32", dims)] as const);
  return {
    label: { kind, runId: "", version: 0, sha256: new Uint8Array() },
    feeds: {
      ...Object.fromEntries(adapter),
      ...Object.fromEntries(initValueHead(width)),
      lora_scale: float32([], [0]),
    },
  };
}
