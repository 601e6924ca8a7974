import {
  add,
  cast,
  concat,
  div,
  equal,
  gather,
  type GraphBuilder,
  greaterOrEqual,
  less,
  lessOrEqual,
  logSoftmax,
  loop,
  mul,
  not,
  or,
  reduceSum,
  reshape,
  shapeOf,
  sizeOf,
  transpose,
  unsqueeze,
  type Value,
  where,
} from "@decorum/onnx";
import {
  atLabels,
  attend,
  Heads,
  openNetwork,
  type PolicySpec,
  positionsOf,
  valueHead,
} from "@decorum/models";
import { zeros } from "@decorum/tensor";
import { sample, type SamplerInputs } from "./sampler.ts";

/** Added to the score of eos while a response is shorter than it must be. */
const EXCLUDED = -1e9;

/** What steps begin with; a layer's keys come before its values. */
interface StepInputs {
  /** Graph that gets the loop. */
  readonly body: GraphBuilder;
  /** Gets the files of the weights. */
  readonly files: Map<string, string>;
  /** Steps before these, and how many there may be: `[]` int64. */
  readonly first: Value;
  readonly steps: Value;
  /** `[rows]` */
  readonly tokens: Value;
  readonly done: Value;
  /** Keys and values of what was decoded, `[rows, heads, length, size]`. */
  readonly past: readonly Value[];
  /** Keys and values of the prompts, `[prompts, heads, source, size]`; rows of a prompt follow each other. */
  readonly prompt: readonly Value[];
  /** `[prompts, 1, 1, source]` */
  readonly promptBias: Value;
  /** `[rows]` int64 */
  readonly minNewTokens: Value;
  readonly maxNewTokens: Value;
  /** `[all steps, rows]` */
  readonly uniforms: Value;
  readonly temperature: Value;
  readonly sampler: SamplerInputs;
}

/** State after the steps, and what they made. */
interface StepOutputs {
  readonly tokens: Value;
  readonly done: Value;
  readonly past: readonly Value[];
  /** Ids, log-probabilities and, with a value head, values: `[steps run, rows]`. */
  readonly scans: readonly Value[];
}

/** Whether at most three of four rows go on: rows that have ended are then worth dropping. @param done `[rows]` */
export function fewGoOn(done: Value): Value {
  const goOn = reduceSum(cast(not(done), "int64"), [0], false);
  return lessOrEqual(mul(goOn, 4), mul(sizeOf(done), 3));
}

/** Decodes until {@link fewGoOn}, one token of every row a step. */
export function decodeSteps(spec: PolicySpec, inputs: StepInputs): StepOutputs {
  const { config } = spec.model;
  const { num_attention_heads: count, head_dim: size, hidden_size: width } = config;
  const { body: graph, prompt, promptBias, minNewTokens, maxNewTokens, past: initial } = inputs;
  const eosPenalty = zeros("float32", [config.vocab_size]);
  eosPenalty.data[config.eos_token_id] = EXCLUDED;
  const zero = graph.scalar(0, "float32");
  const { carried, scans } = loop(
    inputs.steps,
    true,
    [inputs.tokens, inputs.done, ...initial],
    (body, step, _cond, last, ended, ...past) => {
      // The weights are the body's own: the runtime reorders (prepacks) those of the graph next to it at most.
      const { weights, network } = openNetwork(body, spec);
      const grown: Value[] = [];
      // With one position a row, splitting into heads and merging them moves nothing.
      const split = (x: Value) => reshape(x, [-1, count, 1, size]);
      const merge = (x: Value) => reshape(x, [-1, count * size]);
      // The runtime fuses this transposition into the product, whose kernel reads keys row by row.
      const attendTo = (q: Value, keys: Value, values: Value, bias?: Value) =>
        attend(q, transpose(body.capture(keys), [0, 1, 3, 2]), values, bias);
      const rowsOf = Heads.sharing(body.capture(promptBias), count, size); // [prompts, heads, rows of one, size]
      const position = positionsOf(past[0]!, 2); // one for each cached position
      const now = shapeOf(past[0]!, { start: 2, end: 3 }); // [1]: position of the token being read
      const positions = { query: now, key: concat([position, now], 0) };
      const rows = network.decode(unsqueeze(last!, [1]), positions, {
        selfAttention(q, k, v, layer, bias) {
          const [keys, values] = [k, v].map((x, i) => concat([past[2 * layer + i]!, split(x)], 2));
          grown.push(keys!, values!);
          return merge(attendTo(split(q), keys!, values!, bias));
        },
        crossAttention(q, layer) {
          const [keys, values] = [prompt[2 * layer]!, prompt[2 * layer + 1]!];
          return rowsOf.mergeLike(attendTo(rowsOf.split(q), keys, values, promptBias), q);
        },
      });
      const logits = network.logits(div(rows, inputs.temperature));
      const tooShort = less(now, minNewTokens); // [rows]: as transformers, eos comes after them
      const withoutEos = add(logits, graph.constant(eosPenalty));
      const scores = where(unsqueeze(tooShort, [1]), withoutEos, logits);
      const uniform = gather(inputs.uniforms, add(inputs.first, step), 0);
      const token = sample(scores, uniform, inputs.sampler);
      const emitted = where(ended!, config.pad_token_id, token);
      const length = add(now, 1); // [1]: response tokens after this step
      const endsNow = or(equal(emitted, config.eos_token_id), greaterOrEqual(length, maxNewTokens));
      const endedNext = or(ended!, endsNow);
      const logprobs = atLabels(logSoftmax(logits, -1), token);
      const scanned = [emitted, where(ended!, zero, logprobs)];
      if (spec.valueHead) {
        scanned.push(where(ended!, zero, valueHead(body, rows, width)));
      }
      for (const [location, file] of weights.files) inputs.files.set(location, file);
      return {
        cond: not(fewGoOn(endedNext)),
        carried: [emitted, endedNext, ...grown],
        scans: scanned,
      };
    },
    {
      name: "generate",
      graph,
      carriedShapes: [
        undefined,
        undefined,
        ...initial.map(({ shape }) => shape.with(2, "length_now")),
      ],
    },
  );
  const [tokens, done, ...past] = carried;
  return { tokens: tokens!, done: done!, past, scans };
}
