import { join } from "node:path";
import { float32, int64, type Tensor, tensor, zeros } from "@decorum/tensor";
import {
  adapterShapes,
  loadT5Config,
  openCheckpoint,
  readPeftAdapter,
  t5LinearLayers,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
} from "@decorum/models";
import { buildPpoGraph } from "@decorum/learning";
import { type GoldenCase, inputOf } from "../case.ts";
import { runGraph } from "../session.ts";

/** The constants the notes of these cases state. */
const loss = { cliprange: 0.2, cliprangeValue: 0.2, vfCoef: 0.1 };

/** PPO loss, its parts, and the gradient of every adapter and value-head parameter. */
export async function t5LoraGrad(golden: GoldenCase): Promise<Map<string, Tensor>> {
  const folder = join(golden.folder, "model");
  const config = loadT5Config(folder);
  const layers = t5LinearLayers(config);
  using checkpoint = openCheckpoint(folder);
  const adapter = readPeftAdapter(join(golden.folder, "adapter"), layers);
  const wrt = [
    ...adapterShapes(adapter.config, layers).keys(),
    VALUE_HEAD_WEIGHT,
    VALUE_HEAD_BIAS,
  ];
  const model = buildPpoGraph({ config, index: checkpoint, lora: adapter.config }, loss, wrt);
  const mask = inputOf(golden, "labels_mask", "int64");
  const counted = [...mask.data.keys()].filter((i) => mask.data[i] !== 0n);
  const labels = inputOf(golden, "labels", "int64");
  const perToken = (name: string) => {
    const all = inputOf(golden, name, "float32");
    return float32([counted.length], counted.map((i) => all.data[i]!));
  };
  const results = await runGraph(model, {
    input_ids: inputOf(golden, "input_ids", "int64"),
    attention_mask: inputOf(golden, "attention_mask", "int64"),
    decoder_input_ids: inputOf(golden, "decoder_input_ids", "int64"),
    rows: int64([counted.length], counted),
    labels: tensor("int64", [counted.length], BigInt64Array.from(counted, (i) => labels.data[i]!)),
    temperature: float32([], [1]),
    lora_scale: float32([], [adapter.config.loraAlpha / adapter.config.r]),
    old_logprobs: perToken("old_logprobs"),
    advantages: perToken("advantages"),
    old_values: perToken("old_values"),
    returns: perToken("returns"),
    ...Object.fromEntries(adapter.parameters),
    [VALUE_HEAD_WEIGHT]: inputOf(golden, VALUE_HEAD_WEIGHT, "float32"),
    [VALUE_HEAD_BIAS]: inputOf(golden, VALUE_HEAD_BIAS, "float32"),
  });
  return withGoldenNames(results, counted, mask.dims);
}

/** Gradients as `grad.<parameter>`, per-token results back in their `[batch, time]` places. */
function withGoldenNames(
  results: Readonly<Record<string, Tensor>>,
  counted: readonly number[],
  dims: readonly number[],
): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(results)) {
    if (name.endsWith("_grad")) found.set(`grad.${name.slice(0, -"_grad".length)}`, value);
    else if (value.dims.length === 1) {
      const spread = zeros("float32", dims);
      counted.forEach((at, i) => (spread.data[at] = Number(value.data[i])));
      found.set(name, spread);
    } else found.set(name, value);
  }
  const entropies = results["entropy"]?.data as Float32Array;
  const mean = entropies.reduce((sum, h) => sum + h, 0) / entropies.length;
  return found.set("entropy", float32([1], [mean]));
}
