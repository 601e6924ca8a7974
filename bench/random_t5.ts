import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { openPolicyModel } from "@decorum/models";

/** FLAN-T5's shapes by size. */
export const t5Sizes = {
  tiny: { d_model: 64, d_kv: 16, d_ff: 128, num_layers: 2, num_heads: 4, vocab_size: 512 },
  small: { d_model: 512, d_kv: 64, d_ff: 1024, num_layers: 8, num_heads: 6, vocab_size: 32128 },
  base: { d_model: 768, d_kv: 64, d_ff: 2048, num_layers: 12, num_heads: 12, vocab_size: 32128 },
  large: { d_model: 1024, d_kv: 64, d_ff: 2816, num_layers: 24, num_heads: 16, vocab_size: 32128 },
} as const;

export type T5Size = keyof typeof t5Sizes;

/**
 * A folder with a T5 of FLAN-T5's shape and random weights (about the scale of transformers' own
 * initialisation), made once. Only its speed means something.
 */
export function randomT5(folder: string, size: T5Size): string {
  const target = join(folder, `t5-${size}`);
  const file = join(target, "model.safetensors");
  if (existsSync(file)) return target;
  mkdirSync(target, { recursive: true });
  const config = {
    model_type: "t5",
    architectures: ["T5ForConditionalGeneration"],
    ...t5Sizes[size],
    num_decoder_layers: t5Sizes[size].num_layers,
    feed_forward_proj: "gated-gelu",
    tie_word_embeddings: false,
    scale_decoder_outputs: false,
    dropout_rate: 0,
    pad_token_id: 0,
    eos_token_id: 1,
    decoder_start_token_id: 0,
    dtype: "float32",
  };
  writeFileSync(join(target, "config.json"), JSON.stringify(config, null, 2));
  writeRandomWeights(file, openPolicyModel(target).weightShapes);
  return target;
}

/** Writes tensor by tensor, so that a large model needs little memory. */
function writeRandomWeights(file: string, shapes: ReadonlyMap<string, readonly number[]>): void {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  for (const [name, dims] of shapes) {
    const bytes = 4 * dims.reduce((n, d) => n * d, 1);
    header[name] = { dtype: "F32", shape: dims, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  const fd = openSync(`${file}.tmp`, "w");
  try {
    writeSync(fd, padded);
    let state = 0x9e3779b9;
    for (const [name, dims] of shapes) {
      const count = dims.reduce((n, d) => n * d, 1);
      const data = new Float32Array(count);
      if (name.endsWith("norm.weight")) data.fill(1);
      else {
        const scale = Math.sqrt(3 / dims[1]!) * (name.endsWith(".q.weight") ? 0.125 : 1);
        for (let i = 0; i < count; i++) {
          state ^= state << 13;
          state ^= state >>> 17;
          state ^= state << 5;
          data[i] = (state / 2 ** 31) * scale;
        }
      }
      let written = 0;
      const bytes = new Uint8Array(data.buffer);
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    }
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.tmp`, file);
}
