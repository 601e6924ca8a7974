import { join } from "node:path";
import { buildGradientGraph } from "@decorum/autodiff";
import {
  type Adapter,
  checkAdapter,
  type Checkpoint,
  initAdapter,
  type LoraConfig,
  type ModelGraph,
  openCheckpoint,
  type WeightIndex,
  type WeightsOptions,
  withoutCopies,
  writeModelFolder,
  writePeftAdapter,
} from "@decorum/models";
import type { Params } from "@decorum/optim";
import { castTensor, computeTypeOf, readJson, type Tensor } from "@decorum/tensor";
import type { SessionOptions } from "./learning_session.ts";
import type { LearningTask } from "./learning_task.ts";
import type { LayeredModel } from "./lora_dropout.ts";
import { lossScaleOf } from "./loss_scale.ts";

/** What is trained of a model: a LoRA adapter where `lora` is given, else every weight. */
export interface TrainedModel extends SessionOptions {
  /** A Hugging Face folder. */
  readonly model: string;
  readonly lora?: LoraConfig;
  /** The adapter to start from; a new one by default. */
  readonly adapter?: Adapter;
}

/** What is known of the model that is trained. */
interface TrainedLayers extends LayeredModel {
  /** Keys of one weight, which its checkpoint may hold several times. */
  readonly tiedKeys?: readonly string[];
}

/** Parts of a graph's specification that say what is trained of it. */
interface TrainedSpec extends WeightsOptions {
  readonly index: WeightIndex;
  readonly lora?: LoraConfig;
  readonly dropout?: boolean;
}

/**
 * What is trained of a model, and its two graphs.
 *
 * @param build the model with its loss; the update is its gradient
 * @throws InputError when the adapter does not fit the model
 */
export function trainedModel(
  { model: folder, lora, adapter, seed = 0, runtime = {} }: TrainedModel,
  model: TrainedLayers,
  build: (spec: TrainedSpec) => ModelGraph,
): Pick<LearningTask<unknown>, "params" | "lora" | "model" | "forward" | "update"> {
  using checkpoint = openCheckpoint(folder);
  const spec = {
    index: lora ? checkpoint : withoutCopies(checkpoint, model.tiedKeys ?? []),
    computeType: computeTypeOf(runtime.precision ?? "fp32"),
    ...(lora ? { lora } : { trainable: () => true }),
  };
  const forward = build(spec);
  if (lora && adapter) checkAdapter(adapter, lora, model.layers, "to start from");
  const params = lora
    ? adapter ?? initAdapter(lora, model.layers, seed)
    : weightsOf(checkpoint, forward);
  const trained = build({ ...spec, dropout: (lora?.loraDropout ?? 0) > 0 });
  return { params, lora, model, forward, update: updateGraph(trained, [...params.keys()], spec) };
}

/** A graph with the gradients of its `loss`. */
export function updateGraph(
  { graph, files }: ModelGraph,
  wrt: readonly string[],
  spec: WeightsOptions,
): ModelGraph {
  const update = buildGradientGraph(graph, { loss: "loss", wrt, lossScale: lossScaleOf(spec) });
  return { graph: { ...update, name: `${graph.name}_update` }, files };
}

/** All weights that a graph takes as inputs. */
function weightsOf(checkpoint: Checkpoint, { graph }: ModelGraph): Params {
  const names = graph.inputs.map((input) => input.name).filter((name) => checkpoint.has(name));
  return new Map(names.map((name) => [name, castTensor(checkpoint.read(name), "float32")]));
}

/**
 * Writes what a session has trained: a PEFT adapter folder, or a whole Hugging Face model folder with the base's
 * config and tokenizer files.
 */
export function saveTrained(
  folder: string,
  base: string,
  { task: { lora }, params }: {
    readonly task: Pick<LearningTask<unknown>, "lora">;
    readonly params: Params;
  },
): void {
  if (lora) {
    writePeftAdapter(folder, { config: lora, parameters: params }, { base });
    return;
  }
  const tensors = new Map<string, Tensor>(params);
  const { torch_dtype: _, ...kept } = readJson(join(base, "config.json"));
  const config = { ...kept, dtype: "float32" };
  writeModelFolder(folder, { config, tensors, companionsOf: base });
}
