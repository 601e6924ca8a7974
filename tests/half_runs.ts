import {
  initAdapter,
  loraScaling,
  type ModelGraph,
  openCheckpoint,
  openPolicyModel,
  type PolicySpec,
  type Sequence,
} from "@decorum/models";
import { encodeModel } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { type ComputeType, float32, normals, randomKey, type Tensor, zeros } from "@decorum/tensor";
import { goldenModel, lora } from "./emitted_graphs.ts";
import { emulateHalf } from "./emulate_half.ts";

export const halves = ["float16", "bfloat16"] as const;

export const sequences: Sequence[] = [
  { query: [5, 6, 7, 8, 9, 1], response: [9, 30, 11, 1] },
  { query: [15, 16, 1], response: [19, 20, 41, 52, 63, 1] },
];

/** Runs a graph on the CPU with half precision emulated. */
export async function run(
  { graph, files }: ModelGraph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  await using session = await createSession(
    { bytes: encodeModel(emulateHalf(graph)), externalData: Object.fromEntries(files) },
    { name: graph.name, intraOpThreads: 1 },
  );
  return await session.run(
    Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!])),
  );
}

/** A policy with an adapter that changes it, and the feeds of one batch. */
export function policyCase(computeType: ComputeType) {
  const folder = goldenModel("t5_lora_grad_flan");
  const model = openPolicyModel(folder);
  const { config } = model;
  const index = openCheckpoint(folder);
  const spec: PolicySpec = { model, index, computeType, lora, valueHead: true };
  const noise = (name: string, dims: readonly number[], scale: number) => {
    const count = dims.reduce((n, d) => n * d, 1);
    return float32(dims, normals(randomKey(5, name), 0, count).map((x) => scale * x));
  };
  const adapter = initAdapter(lora, model.layers, 3);
  const weights: Record<string, Tensor> = {
    ...Object.fromEntries(
      [...adapter].map(([name, { dims }]) => [name, noise(name, dims, 0.2)]),
    ),
    "v_head.summary.weight": noise("value head", [1, config.hidden_size], 0.2),
    "v_head.summary.bias": zeros("float32", [1]),
    lora_scale: float32([], [loraScaling(lora)]),
    temperature: float32([], [1]),
  };
  return { config, index, spec, weights, noise };
}
