/** Data and checks for tests of what trains. */
import type { Sequence } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { normals, randomKey, tensor } from "@decorum/tensor";
import { noise } from "./t5.ts";

/** One thread a session: the tests share the machine, and one thread sums in one order. */
export const runtime = { intraOpThreads: 1 };

/** Fields of a tiny classifier for training. */
export const robertaJson = {
  model_type: "roberta",
  vocab_size: 40,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 24,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  pad_token_id: 1,
  // Larger than the usual 0.02, so that a tiny model has gradients worth checking.
  initializer_range: 0.3,
  id2label: { "0": "nothate", "1": "hate" },
};

/** Sequences of different lengths, the same for the same label. */
export function randomSequences(count: number, label = "sequences"): Sequence[] {
  const words = normals(randomKey(3, label), 0, count * 24);
  const id = (i: number) => 2 + Math.floor(Math.abs(words[i]!) * 1000) % 38;
  return Array.from({ length: count }, (_, i) => {
    const ids = (start: number, length: number) =>
      Array.from({ length }, (_, j) => id(i * 24 + start + j));
    return { query: ids(0, 2 + (i * 5) % 9), response: [...ids(12, 1 + (i * 3) % 7), 1] };
  });
}

/** `params` moved by `h` along `direction`. */
function moved(params: Params, direction: Params, h: number): Params {
  return new Map([...params].map(([name, { dims, data }]) => {
    const d = direction.get(name)?.data;
    return [name, tensor("float32", dims, data.map((x, i) => x + h * (d?.[i] ?? 0)))];
  }));
}

/**
 * Checks gradients against central differences, one parameter after another: along the gradient itself and
 * a random direction at once, so that a wrong scale and a wrong direction both show.
 *
 * @returns parameters that fail, with what was found
 */
export async function gradientMismatches(
  params: Params,
  grads: Params,
  loss: (params: Params) => Promise<number>,
  { h = 1e-2, tolerance = 0.004 } = {},
): Promise<string[]> {
  const failures: string[] = [];
  for (const [name, grad] of grads) {
    const random = noise(`direction ${name}`, grad.dims);
    const norm = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
    const [g, r] = [norm(grad.data), norm(random.data)];
    const unit = grad.data.map((x, i) => (x / (g || 1) + random.data[i]! / r) / 2);
    const direction = new Map([[name, tensor("float32", grad.dims, unit)]]);
    const expected = unit.reduce((sum, d, i) => sum + d * grad.data[i]!, 0);
    const ahead = await loss(moved(params, direction, h));
    const behind = await loss(moved(params, direction, -h));
    const found = (ahead - behind) / (2 * h);
    if (Math.abs(found - expected) > tolerance * g + 2e-4) {
      failures.push(`${name}: differences say ${found}, the gradient ${expected}`);
    }
  }
  return failures;
}
