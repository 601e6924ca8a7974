import {
  Classifier,
  type JsonObject,
  parseClassifierConfig,
  parseT5Config,
  T5,
  Weights,
  writeModelFolder,
} from "@decorum/models";
import { GraphBuilder } from "@decorum/onnx";
import { InputError, normals, randomKey, type Tensor, tensor, zeros } from "@decorum/tensor";
import { RecordedWeights } from "./recorded_weights.ts";

/** How one weight begins: a constant, or normal with this deviation. */
type Start = { readonly constant: number } | { readonly std: number };

const elements = (dims: readonly number[]) => dims.reduce((n, d) => n * d, 1);

/**
 * A random T5 as transformers initialises it (`T5PreTrainedModel._init_weights`, factor
 * `initializer_factor`), drawn from a seed, written as a Hugging Face folder.
 *
 * @param config `config.json` as transformers writes it
 * @throws InputError naming a field that is missing or wrong
 */
export function initT5(
  folder: string,
  config: JsonObject,
  options: { readonly seed: number; readonly tokenizerOf?: string },
): void {
  const t5 = parseT5Config(config, "the config to initialise");
  const { d_model, d_ff, d_kv, num_heads } = t5;
  const factor = numberField(config, "initializer_factor", 1);
  const tied = config["tie_word_embeddings"] ?? true;
  const index = new RecordedWeights(tied ? ["lm_head.weight"] : []);
  const graph = new GraphBuilder("init");
  const model = new T5(t5, new Weights(graph, index));
  const ids = (name: string) => graph.input(name, "int64", ["batch", "time"]);
  model.logits(model.decode(ids("target"), model.encode(ids("source"), ids("mask"))));
  const deviations: [RegExp, number][] = [
    [/^(shared|lm_head)\.weight$/, 1],
    [/\.q\.weight$/, (d_model * d_kv) ** -0.5],
    [/\.(k|v|wi|wi_0|wi_1|relative_attention_bias)\.weight$/, d_model ** -0.5],
    [/\.o\.weight$/, (num_heads * d_kv) ** -0.5],
    [/\.wo\.weight$/, d_ff ** -0.5],
  ];
  const tensors = draw(index, options.seed, (key) => {
    if (/layer_norm\.weight$/.test(key)) return { constant: factor };
    const std = deviations.find(([pattern]) => pattern.test(key))?.[1];
    if (std === undefined) throw new Error(`internal: no rule starts "${key}"`);
    return { std: factor * std };
  });
  writeModelFolder(folder, {
    config: { architectures: ["T5ForConditionalGeneration"], ...config },
    tensors,
    ...(options.tokenizerOf === undefined ? {} : { companionsOf: options.tokenizerOf }),
  });
}

/**
 * A random BERT or RoBERTa sequence classifier as transformers initialises it (`_init_weights`: normal of
 * deviation `initializer_range`, biases 0, norms 1, the padding token's embedding 0), drawn from a seed,
 * written as a Hugging Face folder.
 *
 * @param config `config.json` as transformers writes it
 * @throws InputError naming a field that is missing or wrong
 */
export function initClassifier(
  folder: string,
  config: JsonObject,
  options: { readonly seed: number; readonly tokenizerOf?: string },
): void {
  const parsed = parseClassifierConfig(config, "the config to initialise");
  const std = numberField(config, "initializer_range", 0.02);
  const index = new RecordedWeights();
  const graph = new GraphBuilder("init");
  const ids = (name: string) => graph.input(name, "int64", ["batch", "time"]);
  new Classifier(parsed, new Weights(graph, index)).logits(ids("ids"), ids("mask"));
  const tensors = draw(index, options.seed, (key) => {
    if (/LayerNorm\.weight$/.test(key)) return { constant: 1 };
    return key.endsWith(".bias") ? { constant: 0 } : { std };
  });
  const { hidden_size: d, pad_token_id: pad, model_type } = parsed;
  // RoBERTa's position embedding has the padding index too.
  for (const table of model_type === "roberta" ? ["word", "position"] : ["word"]) {
    const name = `${model_type}.embeddings.${table}_embeddings.weight`;
    (tensors.get(name)!.data as Float32Array).fill(0, pad * d, (pad + 1) * d);
  }
  const architecture = model_type === "roberta" ? "Roberta" : "Bert";
  writeModelFolder(folder, {
    config: { architectures: [`${architecture}ForSequenceClassification`], ...config },
    tensors,
    ...(options.tokenizerOf === undefined ? {} : { companionsOf: options.tokenizerOf }),
  });
}

function draw(
  { shapes }: RecordedWeights,
  seed: number,
  start: (key: string) => Start,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [key, dims] of shapes) {
    const rule = start(key);
    if ("constant" in rule) {
      const filled = zeros("float32", dims);
      filled.data.fill(rule.constant);
      tensors.set(key, filled);
      continue;
    }
    const values = normals(randomKey(seed, "init", key), 0, elements(dims));
    tensors.set(key, tensor("float32", dims, values.map((x) => x * rule.std)));
  }
  return tensors;
}

function numberField(config: JsonObject, field: string, otherwise: number): number {
  const found = config[field] ?? otherwise;
  if (typeof found === "number" && Number.isFinite(found) && found >= 0) return found;
  throw new InputError(
    `Cannot initialise a model: field "${field}" is ${JSON.stringify(found)}; expected a number`,
  );
}
