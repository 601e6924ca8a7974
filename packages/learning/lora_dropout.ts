import {
  type Classifier,
  type EncoderDecoder,
  type LoraConfig,
  targetLayers,
} from "@decorum/models";
import { randomKey, type Tensor, uniforms, zeros } from "@decorum/tensor";

/** A model as its adapters see it: its linear layers, and which rows each of them sees. */
export type LayeredModel = Pick<EncoderDecoder | Classifier, "layers" | "rowsOf">;

/** One sequence of a padded batch. */
export interface DropoutRow {
  /** Place in the mini-batch: draws depend on it and not on how micro-batches are cut. */
  readonly index: number;
  readonly source: number;
  readonly target: number;
}

/** Rows as layers see them: of prompts, each once where it is shared, and of responses. */
export interface DropoutRows {
  readonly source: readonly DropoutRow[];
  readonly target: readonly DropoutRow[];
}

/**
 * LoRA dropout masks of one micro-batch: `<layer>.lora_dropout` `[rows * width, in]`, 0 with probability
 * `p = loraDropout`, else 1 / (1 - p) (inverted dropout, as PyTorch). Drawn from seed, step, layer and sequence
 * alone, so that a resumed run draws the same. Padding holds 0.
 */
export function loraDropoutMasks(
  config: LoraConfig,
  model: LayeredModel,
  rows: DropoutRows,
  draw: { readonly seed: number; readonly step: number },
): Record<string, Tensor> {
  const p = config.loraDropout;
  const kept = 1 / (1 - p);
  const width = (kind: keyof DropoutRows) => Math.max(...rows[kind].map((row) => row[kind]));
  const widths = { source: width("source"), target: width("target") };
  const masks: Record<string, Tensor> = {};
  for (const layer of targetLayers(config, model.layers)) {
    const kind = model.rowsOf(layer);
    const [, inp] = model.layers.get(layer)!;
    const mask = zeros("float32", [rows[kind].length * widths[kind], inp]);
    rows[kind].forEach((row, i) => {
      const key = randomKey(draw.seed, "lora dropout", draw.step, layer, row.index);
      const drawn = uniforms(key, 0, row[kind] * inp);
      const start = i * widths[kind] * inp;
      for (let j = 0; j < drawn.length; j++) mask.data[start + j] = drawn[j]! < p ? 0 : kept;
    });
    masks[`${layer}.lora_dropout`] = mask;
  }
  return masks;
}
