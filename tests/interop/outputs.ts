import {
  AdapterInputs,
  buildClassifierGraph,
  classifierBatch,
  classifierLinearLayers,
  loadClassifierConfig,
  loadT5Config,
  loraScaling,
  openCheckpoint,
  type PeftAdapter,
  readPeftAdapter,
  T5,
  t5LinearLayers,
  valueHead,
  Weights,
} from "@decorum/models";
import { GraphBuilder } from "@decorum/onnx";
import { float32, type Tensor } from "@decorum/tensor";
import { runGraph } from "../../tools/golden/session.ts";

type Tensors = ReadonlyMap<string, Tensor>;

/** Options of a run: where `.bin` files are converted, and an adapter folder to apply. */
export interface OutputOptions {
  readonly cacheDir?: string;
  readonly adapter?: string;
}

function adapterFeeds(adapter: PeftAdapter | undefined): Record<string, Tensor> {
  if (!adapter) return {};
  const { config, parameters, valueHead } = adapter;
  return {
    ...Object.fromEntries(parameters),
    ...Object.fromEntries(valueHead ?? []),
    lora_scale: float32([], [loraScaling(config)]),
  };
}

/** Our `logits` `[batch * target, vocabulary]` of a T5 folder and, where the adapter has a value head, `values`. */
export async function t5Outputs(
  folder: string,
  inputs: Tensors,
  { adapter: adapterFolder, ...options }: OutputOptions = {},
): Promise<Record<string, Tensor>> {
  const config = loadT5Config(folder);
  const layers = t5LinearLayers(config);
  using checkpoint = openCheckpoint(folder, options);
  const adapter = adapterFolder === undefined ? undefined : readPeftAdapter(adapterFolder, layers);
  const graph = new GraphBuilder("t5");
  const ids = (name: string, time: string) => graph.input(name, "int64", ["batch", time]);
  const weights = new Weights(graph, checkpoint);
  const t5 = new T5(
    config,
    weights,
    adapter && new AdapterInputs(weights, adapter.config, layers),
  );
  const encoded = t5.encode(ids("input_ids", "source"), ids("attention_mask", "source"));
  const hidden = t5.decode(ids("decoder_input_ids", "target"), encoded);
  graph.output(t5.logits(hidden), "logits");
  if (adapter?.valueHead) graph.output(valueHead(graph, hidden, config.d_model), "values");
  const names = ["input_ids", "attention_mask", "decoder_input_ids"];
  return await runGraph({ graph: graph.build(), files: weights.files }, {
    ...Object.fromEntries(names.map((name) => [name, inputs.get(name)!])),
    ...adapterFeeds(adapter),
  }, {});
}

/** Our `logits` `[batch, labels]` of a classifier's folder, for the texts of a padded batch. */
export async function classifierOutputs(
  folder: string,
  inputs: Tensors,
  { adapter: adapterFolder, ...options }: OutputOptions = {},
): Promise<Record<string, Tensor>> {
  const config = loadClassifierConfig(folder);
  using checkpoint = openCheckpoint(folder, options);
  const adapter = adapterFolder === undefined
    ? undefined
    : readPeftAdapter(adapterFolder, classifierLinearLayers(config));
  const model = buildClassifierGraph({
    config,
    index: checkpoint,
    ...(adapter ? { lora: adapter.config } : {}),
  });
  return await runGraph(model, {
    ...classifierBatch(textsOf(inputs), config).feeds,
    ...adapterFeeds(adapter),
  }, {});
}

/** The tokens that `attention_mask` counts, row by row. */
function textsOf(inputs: Tensors): number[][] {
  const { dims: [rows = 0, width = 0], data } = inputs.get("input_ids") as Tensor<"int64">;
  const mask = (inputs.get("attention_mask") as Tensor<"int64">).data;
  return Array.from(
    { length: rows },
    (_, row) =>
      [...data.subarray(row * width, (row + 1) * width)].map(Number)
        .filter((_, i) => mask[row * width + i] === 1n),
  );
}
