import {
  add,
  cast,
  concat,
  div,
  equal,
  gather,
  GraphBuilder,
  greaterOrEqual,
  less,
  loop,
  not,
  or,
  reduceMin,
  reshape,
  shapeOf,
  squeeze,
  unsqueeze,
  type Value,
  where,
} from "@decorum/onnx";
import { zeros } from "@decorum/tensor";
import {
  AdapterInputs,
  attend,
  attentionMaskBias,
  Heads,
  type ModelGraph,
  type PolicySpec,
  positionsOf,
  T5,
  t5LinearLayers,
  tokenLogprobs,
  valueHead,
  Weights,
} from "@decorum/models";
import { sample, samplerInputs } from "./sampler.ts";

/** Added to the score of eos while a response is shorter than it must be. */
const EXCLUDED = -1e9;

/** Names of a layer's cache: keys `[batch, heads, size, past]` and values `[batch, heads, past, size]`. */
export function cacheNames(layer: number): readonly [keys: string, values: string] {
  return [`past_keys.${layer}`, `past_values.${layer}`];
}

/**
 * Up to `uniforms.dims[0]` steps of the decoder as one ONNX Loop, with cache and sampler inside; it ends
 * early when every row is done.
 *
 * Inputs: `encoder_hidden` `[batch, source, d_model]`, `attention_mask` `[batch, source]`, `tokens`
 * `[batch]` (last token of each row, the start token at first), `done` `[batch]` bool, `uniforms`
 * `[steps, batch]`, `min_new_tokens`, `max_new_tokens` `[batch]` int64, `temperature` `[]`, the sampler's
 * settings, the caches, the adapter's and value head's parameters.
 *
 * The caches pass the graph's boundary as float32 (the node binding takes no bfloat16) and live in the
 * compute type inside the loop, where half precision halves what each step reads.
 *
 * Outputs: `token_ids`, `logprobs` and, with a value head, `values` `[steps run, batch]`; `next_done`
 * `[batch]`; the caches as `next_<name>`. After eos come padding ids with log-probability and value 0.
 * Log-probabilities are of the whole distribution at that temperature, before top-k and top-p.
 */
export function buildDecodeGraph(spec: PolicySpec): ModelGraph {
  const { config } = spec;
  const graph = new GraphBuilder("decode");
  const hiddenStates = graph.input("encoder_hidden", "float32", [
    "batch",
    "source",
    config.d_model,
  ]);
  const attentionMask = graph.input("attention_mask", "int64", ["batch", "source"]);
  const tokens = graph.input("tokens", "int64", ["batch"]);
  const done = graph.input("done", "bool", ["batch"]);
  const uniforms = graph.input("uniforms", "float32", ["steps", "batch"]);
  const minNewTokens = graph.input("min_new_tokens", "int64", ["batch"]);
  const maxNewTokens = graph.input("max_new_tokens", "int64", ["batch"]);
  const temperature = graph.input("temperature", "float32", []);
  const sampler = samplerInputs(graph);
  const { num_heads: count, d_kv: size } = config;
  const caches = Array.from({ length: config.num_decoder_layers }, (_, i) => {
    const [keys, values] = cacheNames(i);
    return [
      graph.input(keys, "float32", ["batch", count, size, "past"]),
      graph.input(values, "float32", ["batch", count, "past", size]),
    ] as const;
  });

  const weights = new Weights(graph, spec.index, spec);
  const { computeType } = weights;
  const layers = t5LinearLayers(config);
  const t5 = new T5(config, weights, spec.lora && new AdapterInputs(weights, spec.lora, layers));
  const cross = t5.crossKeyValues({
    hidden: reshape(hiddenStates, [-1, config.d_model]),
    heads: new Heads(attentionMask, count, size),
    maskBias: attentionMaskBias(attentionMask),
  });
  const crossBias = attentionMaskBias(attentionMask);

  const initial = [tokens, done, ...caches.flat().map((cache) => cast(cache, computeType))];
  const shapes = [
    undefined,
    undefined,
    ...caches.flatMap(() => [["batch", count, size, "length"], ["batch", count, "length", size]]),
  ];
  const steps = squeeze(shapeOf(uniforms, { start: 0, end: 1 }), [0]);
  const zero = graph.scalar(0, "float32");
  const eosPenalty = zeros("float32", [config.vocab_size]);
  eosPenalty.data[config.eos_token_id] = EXCLUDED;
  const { carried, scans } = loop(
    steps,
    true,
    initial,
    (_body, step, _cond, last, ended, ...past) => {
      const grown: Value[] = [];
      const ids = unsqueeze(last!, [1]); // [batch, 1]
      const heads = new Heads(ids, count, size);
      const position = positionsOf(past[1]!, 2); // one for each cached position
      const now = shapeOf(past[1]!, { start: 2, end: 3 }); // [1]: position of the token being read
      const bias = t5.decoderPositionBias(now, concat([position, now], 0)); // [heads, 1, past + 1]
      const rows = t5.decoderStack(t5.embed(ids), {
        heads,
        cross,
        crossBias,
        selfAttention: (q, k, v, layer) => {
          const keys = concat([past[2 * layer]!, heads.splitTransposed(k)], 3);
          const values = concat([past[2 * layer + 1]!, heads.split(v)], 2);
          grown.push(keys, values);
          return attend(heads.split(q), keys, values, bias);
        },
      });
      const logits = t5.logits(div(rows, temperature));
      const length = add(now, 1); // [1]: response tokens after this step
      const token = nextToken(logits);
      const { logprobs } = tokenLogprobs(logits, token);
      const emitted = where(ended!, config.pad_token_id, token);
      const endsNow = or(equal(emitted, config.eos_token_id), greaterOrEqual(length, maxNewTokens));
      const endedNext = or(ended!, endsNow);
      const scanned = [emitted, where(ended!, zero, logprobs)];
      if (spec.valueHead) {
        scanned.push(where(ended!, zero, valueHead(graph, rows, config.d_model)));
      }
      const allDone = equal(reduceMin(cast(endedNext, "int64"), [0], false), 1);
      return { cond: not(allDone), carried: [emitted, endedNext, ...grown], scans: scanned };

      function nextToken(scores: Value): Value {
        const tooShort = less(now, minNewTokens); // [batch]: as transformers, eos comes after them
        const withoutEos = add(scores, graph.constant(eosPenalty));
        const penalised = where(unsqueeze(tooShort, [1]), withoutEos, scores);
        return sample(penalised, gather(uniforms, step, 0), sampler);
      }
    },
    { name: "generate", carriedShapes: shapes, graph },
  );

  graph.output(scans[0]!, "token_ids");
  graph.output(scans[1]!, "logprobs");
  if (scans[2]) graph.output(scans[2], "values");
  graph.output(carried[1]!, "next_done");
  caches.forEach((_, i) => {
    cacheNames(i).forEach((name, j) =>
      graph.output(cast(carried[2 + 2 * i + j]!, "float32"), `next_${name}`)
    );
  });
  return { graph: graph.build(), files: weights.files };
}
