import {
  buildClassifierGraph,
  classifierBatch,
  type ClassifierText,
  loraScaling,
  openCheckpoint,
  openClassifier,
  openNetwork,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
  runSequences,
  sequenceInputs,
  valueHead,
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
  const model = openPolicyModel(folder);
  using index = openCheckpoint(folder, options);
  const adapter = adapterFolder === undefined
    ? undefined
    : readPeftAdapter(adapterFolder, model.layers);
  const graph = new GraphBuilder("t5");
  const { weights, network } = openNetwork(graph, {
    model,
    index,
    ...(adapter ? { lora: adapter.config } : {}),
  });
  const { decoded: hidden } = runSequences(model, network, sequenceInputs(graph));
  graph.output(network.logits(hidden), "logits");
  if (adapter?.valueHead) {
    graph.output(valueHead(graph, hidden, model.config.hidden_size), "values");
  }
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
  const model = openClassifier(folder);
  using checkpoint = openCheckpoint(folder, options);
  const adapter = adapterFolder === undefined
    ? undefined
    : readPeftAdapter(adapterFolder, model.layers);
  const graph = buildClassifierGraph({
    model,
    index: checkpoint,
    ...(adapter ? { lora: adapter.config } : {}),
  });
  return await runGraph(graph, {
    ...classifierBatch(textsOf(inputs), model).feeds,
    ...adapterFeeds(adapter),
  }, {});
}

/** The tokens that `attention_mask` counts, row by row. */
function textsOf(inputs: Tensors): ClassifierText[] {
  const { dims: [rows = 0, width = 0], data } = inputs.get("input_ids") as Tensor<"int64">;
  const mask = (inputs.get("attention_mask") as Tensor<"int64">).data;
  return Array.from(
    { length: rows },
    (_, row) => ({
      ids: [...data.subarray(row * width, (row + 1) * width)].map(Number)
        .filter((_, i) => mask[row * width + i] === 1n),
    }),
  );
}
