import {
  add,
  and,
  cast,
  concat,
  constantOfShape,
  equal,
  expandLike,
  gather,
  GraphBuilder,
  less,
  loop,
  max,
  mul,
  nonZero,
  not,
  or,
  range,
  reshape,
  scatterElements,
  shapeOf,
  sizeOf,
  squeeze,
  sub,
  unsqueeze,
  type Value,
  where,
} from "@decorum/onnx";
import {
  attentionMaskBias,
  MASKED,
  type ModelGraph,
  openNetwork,
  type PolicySpec,
} from "@decorum/models";
import { float32, int64 } from "@decorum/tensor";
import { decodeSteps, fewGoOn } from "./decode_steps.ts";
import { samplerInputs } from "./sampler.ts";

/**
 * The encoder alone. Inputs `input_ids`, `attention_mask` `[prompts, source]` and the adapter's; output
 * `encoder_hidden` `[prompts * source, hidden_size]` float32.
 */
export function buildEncodeGraph(spec: PolicySpec): ModelGraph {
  const graph = new GraphBuilder("encode");
  const inputIds = graph.input("input_ids", "int64", ["prompts", "source"]);
  const attentionMask = graph.input("attention_mask", "int64", ["prompts", "source"]);
  const { weights, network } = openNetwork(graph, spec);
  graph.output(network.encode(inputIds, attentionMaskBias(attentionMask)), "encoder_hidden");
  return { graph: graph.build(), files: weights.files };
}

/** Names of a layer's cache: keys and values `[batch, heads, past, size]`. */
export function cacheNames(layer: number): readonly [keys: string, values: string] {
  return [`past_keys.${layer}`, `past_values.${layer}`];
}

/**
 * Up to `uniforms.dims[0]` steps of the decoder as nested ONNX Loops, with cache and sampler inside. The inner
 * loop takes steps; the outer one drops the rows that have ended once a quarter of them has, so that they stop
 * costing. All ends early when every row is done.
 *
 * Inputs: `encoder_hidden` `[tokens, hidden_size]`: the encoder's rows of all prompts, without padding;
 * `source_rows` `[prompts, source]` int64: which of them each position of a prompt is, -1 for padding; `prompt_of`
 * `[batch]` int64: which prompt each row continues, all as many rows, one after the other. Until a row is dropped, rows of
 * a prompt attend to one set of keys and values; after that each has its own. `tokens` `[batch]` (last token of each row, the start token at first), `done` `[batch]` bool, `uniforms`
 * `[steps, batch]`, `min_new_tokens`, `max_new_tokens` `[batch]` int64, `temperature` `[]`, the sampler's
 * settings, the caches, the adapter's and value head's parameters.
 *
 * The caches pass the graph's boundary as float32 (the node binding takes no bfloat16) and live in the
 * compute type inside the loop, where half precision halves what each step reads.
 *
 * Outputs: `token_ids`, `logprobs` and, with a value head, `values` `[steps run, batch]`; for the rows that
 * were not dropped `next_rows` `[left]` int64 (their places in the batch), `next_tokens`, `next_done` `[left]`,
 * and the caches as `next_<name>`. After eos come padding ids with log-probability and value 0.
 * Log-probabilities are of the whole distribution at that temperature, before top-k and top-p.
 */
export function buildDecodeGraph(spec: PolicySpec): ModelGraph {
  const { config } = spec.model;
  const { num_attention_heads: count, head_dim: size, hidden_size: width } = config;
  const graph = new GraphBuilder("decode");
  const hidden = graph.input("encoder_hidden", "float32", ["encoded", width]);
  const sourceRows = graph.input("source_rows", "int64", ["prompts", "source"]);
  const promptOf = graph.input("prompt_of", "int64", ["batch"]);
  const tokens = graph.input("tokens", "int64", ["batch"]);
  const done = graph.input("done", "bool", ["batch"]);
  const uniforms = graph.input("uniforms", "float32", ["steps", "batch"]);
  const minNewTokens = graph.input("min_new_tokens", "int64", ["batch"]);
  const maxNewTokens = graph.input("max_new_tokens", "int64", ["batch"]);
  const temperature = graph.input("temperature", "float32", []);
  const sampler = samplerInputs(graph);
  const names = Array.from({ length: config.num_decoder_layers }, (_, i) => cacheNames(i)).flat();
  const caches = names.map((name) => graph.input(name, "float32", ["batch", count, "past", size]));

  const { weights, network } = openNetwork(graph, spec);
  const { computeType } = weights;
  const layers = Array.from({ length: config.num_decoder_layers }, (_, i) => i);
  const prompt = network.crossKeyValues(hidden, layers).flatMap(({ k, v }) => [k, v])
    .map((rows) => reshape(rows, [-1, size])); // [encoded * heads, size]
  const headOf = graph.constant(int64([count, 1], Array.from({ length: count }, (_, i) => i)));
  const promptIndex = add(mul(unsqueeze(max(sourceRows, 0), [1]), count), headOf); // [prompts, heads, source]
  const promptBias = unsqueeze(
    where(less(sourceRows, 0), graph.scalar(MASKED, "float32"), graph.scalar(0, "float32")),
    [1, 2],
  ); // [prompts, 1, 1, source]

  const places = range(0, sizeOf(tokens)); // [batch]
  const promptCount = squeeze(shapeOf(sourceRows, { start: 0, end: 1 }), [0]);
  const prompts = range(0, promptCount);
  const steps = squeeze(shapeOf(uniforms, { start: 0, end: 1 }), [0]);
  const nothing = concat([graph.constant(int64([1], [0])), shapeOf(tokens)], 0);
  const outputs = [
    constantOfShape(nothing, int64([1], [0])),
    ...Array.from(
      { length: spec.valueHead ? 2 : 1 },
      () => constantOfShape(nothing, float32([1], [0])),
    ),
  ];
  const state = [places, tokens, done, ...caches.map((cache) => cast(cache, computeType))];
  const { carried } = loop(
    undefined,
    true,
    [graph.scalar(0, "int64"), ...state, ...outputs],
    (body, _round, _cond, step, ...rest) => {
      const [before, written] = [rest.slice(0, state.length), rest.slice(state.length)];
      // Which rows go on depends on the state alone, so a run cut into chunks makes the same ones.
      const keep = or(not(before[2]!), not(fewGoOn(before[2]!)));
      const kept = squeeze(nonZero(keep), [0]); // [left]
      const [rows, last, ended, ...past] = before.map((value) => gather(value, kept, 0));
      const own = (value: Value, axis = 0) => gather(value, rows!, axis);
      // All rows are there: the prompts themselves; else the prompt of each row that is left.
      const whole = equal(sizeOf(rows!), sizeOf(places));
      const either = concat([prompts, own(promptOf)], 0);
      const sources = gather(
        either,
        range(where(whole, 0, promptCount), where(whole, promptCount, sizeOf(either))),
        0,
      );
      const index = gather(promptIndex, sources, 0);
      const made = decodeSteps(spec, {
        body,
        files: weights.files,
        first: step!,
        steps: sub(steps, step!),
        tokens: last!,
        done: ended!,
        past,
        prompt: prompt.map((all) => gather(all, index, 0)), // [sources, heads, source, size]
        promptBias: gather(promptBias, sources, 0),
        minNewTokens: own(minNewTokens),
        maxNewTokens: own(maxNewTokens),
        uniforms: own(uniforms, 1),
        temperature,
        sampler,
      });
      // A column of padding for the rows that were dropped.
      const left = sizeOf(rows!);
      const column = scatterElements(expandLike(left, places), rows!, range(0, left));
      const full = made.scans.map((scan) => {
        const padding = gather(scan, body.constant(int64([1], [0])), 1);
        const pad = scan.dtype === "int64" ? config.pad_token_id : 0;
        return gather(concat([scan, add(mul(padding, 0), pad)], 1), column, 1);
      });
      const next = add(step!, squeeze(shapeOf(made.scans[0]!, { start: 0, end: 1 }), [0]));
      const goesOn = and(not(equal(sizeOf(nonZero(not(made.done))), 0)), less(next, steps));
      return {
        cond: goesOn,
        carried: [
          next,
          rows!,
          made.tokens,
          made.done,
          ...made.past,
          ...written.map((values, i) => concat([values, full[i]!], 0)),
        ],
      };
    },
    {
      name: "rounds",
      graph,
      carriedShapes: [
        undefined,
        ...[places, tokens, done].map(() => ["rows"]),
        ...caches.map(() => ["rows", count, "length", size]),
        ...outputs.map(() => ["written", "batch"]),
      ],
    },
  );

  const results = carried.slice(1 + state.length);
  ["token_ids", "logprobs", "values"].slice(0, results.length)
    .forEach((name, i) => graph.output(results[i]!, name));
  ["next_rows", "next_tokens", "next_done"].forEach((name, i) =>
    graph.output(carried[1 + i]!, name)
  );
  names.forEach((name, i) => graph.output(cast(carried[4 + i]!, "float32"), `next_${name}`));
  return { graph: graph.build(), files: weights.files };
}
