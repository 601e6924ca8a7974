import { add, GraphBuilder, loop, reshape, sizeOf, type Value } from "@decorum/onnx";
import { type ModelGraph, type PolicySpec, Weights } from "@decorum/models";
import { int64, type Tensor, zeros } from "@decorum/tensor";

/** Shape of a rollout. */
export interface DecodeShape {
  /** Rows, of which `shared` each have one prompt. */
  readonly batch: number;
  readonly shared: number;
  readonly source: number;
  readonly steps: number;
}

/**
 * The matrix products of a rollout's decoder and nothing else: keys and values of the prompts once, then
 * `steps` times every linear layer over `batch` rows, the attention to the prompts and to a past of half the
 * length, and the LM head. Run it without graph optimisation, which would merge equal products.
 */
export function decodeProducts(spec: PolicySpec, { batch, shared, source, steps }: DecodeShape): {
  readonly model: ModelGraph;
  readonly feeds: Record<string, Tensor>;
} {
  const { config, layers: all } = spec.model;
  const { num_attention_heads: heads, head_dim: size, num_decoder_layers: count } = config;
  const graph = new GraphBuilder("decode_products");
  const feeds: Record<string, Tensor> = {};
  const input = (name: string, dims: readonly number[]): Value => {
    const data = zeros("float32", dims);
    for (let i = 0; i < data.data.length; i++) data.data[i] = ((i * 7919) % 1000) / 1000 - 0.5;
    feeds[name] = data;
    return graph.input(name, "float32", dims);
  };
  const outer = new Weights(graph, spec.index, spec);
  const layers = [...all].filter(([name]) => name.startsWith("decoder."));
  const prompt = new Map<string, Value>();
  const prompts = batch / shared;
  const hidden = input("hidden", [prompts * source, config.hidden_size]);
  for (const [name, dims] of layers) {
    if (!/EncDecAttention\.[kv]$/.test(name)) continue;
    const weight = outer.matrix(`${name}.weight`, dims);
    const rows = graph.op("Gemm", [hidden, weight], { transB: 1 });
    const shape = name.endsWith("k")
      ? [prompts, heads, size, source]
      : [prompts, heads, source, size];
    prompt.set(name, reshape(rows, shape));
  }
  const past = Math.ceil(steps / 2);
  const rowsOf = new Map(
    [...new Set([config.hidden_size, ...layers.map(([, [, width]]) => width)])]
      .map((width) => [width, input(`rows_${width}`, [batch, width])]),
  );
  const query = input("query", [batch, heads, 1, size]);
  const promptQuery = input("prompt_query", [prompts, heads, shared, size]);
  const toPrompt = input("to_prompt", [prompts, heads, shared, source]);
  const pastKeys = input("past_keys", [batch, heads, size, past]);
  const pastValues = input("past_values", [batch, heads, past, size]);
  const toPast = input("to_past", [batch, heads, 1, past]);
  const files = new Map(outer.files);
  const { carried } = loop(
    graph.constant(int64([], [steps])),
    true,
    [graph.scalar(0, "int64")],
    (body, _step, _cond, total) => {
      // As in the product, the weights are the body's own, so that they are reordered.
      const weights = new Weights(body, spec.index, spec);
      let elements = total!;
      const product = (type: "Gemm" | "MatMul", a: Value, b: Value) => {
        const attributes = type === "Gemm" ? { transB: 1 } : {};
        elements = add(elements, sizeOf(body.op(type, [a, b], attributes)));
      };
      for (const [name, dims] of layers) {
        if (prompt.has(name)) continue;
        product("Gemm", rowsOf.get(dims[1])!, weights.matrix(`${name}.weight`, dims));
      }
      for (let i = 0; i < count; i++) {
        const cross = `decoder.block.${i}.layer.1.EncDecAttention`;
        product("MatMul", promptQuery, prompt.get(`${cross}.k`)!);
        product("MatMul", toPrompt, prompt.get(`${cross}.v`)!);
        product("MatMul", query, pastKeys);
        product("MatMul", toPast, pastValues);
      }
      const head = weights.has("lm_head.weight") ? "lm_head.weight" : "shared.weight";
      product(
        "Gemm",
        rowsOf.get(config.hidden_size)!,
        weights.matrix(head, [config.vocab_size, config.hidden_size]),
      );
      for (const [location, file] of weights.files) files.set(location, file);
      return { carried: [elements] };
    },
    { name: "steps", graph },
  );
  graph.output(carried[0]!, "elements");
  return { model: { graph: graph.build(), files }, feeds };
}
