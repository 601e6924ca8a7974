import { join } from "node:path";
import {
  type JsonObject,
  normals,
  randomKey,
  readJson,
  type Tensor,
  tensor,
  zeros,
} from "@decorum/tensor";
import { openCheckpoint } from "./checkpoint.ts";
import type { Start } from "./linear.ts";
import { classifierModel, policyModel } from "./families.ts";
import { writeModelFolder } from "./model_folder.ts";

interface InitOptions {
  readonly seed: number;
  /** A folder whose tokenizer files are copied. */
  readonly tokenizerOf?: string;
}

/**
 * A random encoder-decoder model as transformers initialises it (`_init_weights` of its class), drawn from a seed,
 * written as a Hugging Face folder.
 *
 * @param config `config.json` as transformers writes it
 * @throws InputError naming a field that is missing or wrong
 */
export function initPolicyModel(folder: string, config: JsonObject, options: InitOptions): void {
  const model = policyModel(config, "the config to initialise");
  const tensors = draw(model.weightShapes, options.seed, model.start);
  write(folder, { architectures: [model.architecture], ...config }, tensors, options);
}

/** The same for a sequence classifier; the padding token's embedding is 0. */
export function initClassifier(folder: string, config: JsonObject, options: InitOptions): void {
  const model = classifierModel(config, "the config to initialise");
  const tensors = draw(model.weightShapes, options.seed, model.start);
  const { pad_token_id: pad } = model.config;
  for (const table of model.paddedTables) {
    const { data, dims: [, width = 0] } = tensors.get(table)!;
    (data as Float32Array).fill(0, pad * width, (pad + 1) * width);
  }
  write(folder, { architectures: [model.architecture], ...config }, tensors, options);
}

/**
 * A classifier made from a base model: its weights, and a new head, which is drawn from a seed as transformers does it.
 *
 * @param base a Hugging Face folder without a head; its tokenizer files are copied
 * @throws InputError as `openClassifier` and `openCheckpoint`
 */
export function addClassifierHead(
  base: string,
  folder: string,
  { labels, seed }: { readonly labels: readonly string[]; readonly seed: number },
): void {
  const file = join(base, "config.json");
  const config = {
    ...readJson(file),
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
  const model = classifierModel(config, file);
  using checkpoint = openCheckpoint(base);
  const tensors = new Map<string, Tensor>();
  for (const [key, dims] of model.weightShapes) {
    const layer = key.slice(0, key.lastIndexOf("."));
    const isNew = model.rowsOf(layer) === "target" && model.layers.has(layer) &&
      !checkpoint.has(key);
    tensors.set(key, isNew ? drawOne(key, dims, seed, model.start(key)) : checkpoint.read(key));
  }
  const architectures = [model.architecture];
  write(folder, { ...config, architectures }, tensors, { seed, tokenizerOf: base });
}

function draw(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
  start: (key: string) => Start,
): Map<string, Tensor> {
  return new Map([...shapes].map(([key, dims]) => [key, drawOne(key, dims, seed, start(key))]));
}

function drawOne(key: string, dims: readonly number[], seed: number, rule: Start): Tensor {
  if ("constant" in rule) {
    const filled = zeros("float32", dims);
    filled.data.fill(rule.constant);
    return filled;
  }
  const values = normals(randomKey(seed, "init", key), 0, dims.reduce((n, d) => n * d, 1));
  return tensor("float32", dims, values.map((x) => x * rule.std));
}

function write(
  folder: string,
  config: JsonObject,
  tensors: ReadonlyMap<string, Tensor>,
  { tokenizerOf }: InitOptions,
): void {
  const companions = tokenizerOf === undefined ? {} : { companionsOf: tokenizerOf };
  writeModelFolder(folder, { config, tensors, ...companions });
}
