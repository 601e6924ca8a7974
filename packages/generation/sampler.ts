import {
  add,
  and,
  argMax,
  cast,
  clip,
  cumSum,
  div,
  equal,
  gather,
  gatherElements,
  gatherND,
  type GraphBuilder,
  greaterOrEqual,
  if_,
  less,
  lessOrEqual,
  mul,
  or,
  pad,
  reduceMin,
  reduceSum,
  reshape,
  shapeOf,
  softmax,
  squeeze,
  sub,
  topK,
  unsqueeze,
  type Value,
  where,
} from "@decorum/onnx";

/** Scores of what must not be drawn: its probability is 0 in float32. */
const EXCLUDED = -1e9;

/** Settings of the sampler, scalars that are inputs of the graph. */
export interface SamplerInputs {
  /** bool: draw, else take the likeliest. */
  readonly doSample: Value;
  /** int64: how many of the likeliest to keep; 0 keeps all. */
  readonly topK: Value;
  /** float32: the smallest set of likeliest words with this probability; 1 keeps all. */
  readonly topP: Value;
}

/** Declares the sampler's settings as inputs `do_sample`, `top_k`, `top_p`. */
export function samplerInputs(graph: GraphBuilder): SamplerInputs {
  return {
    doSample: graph.input("do_sample", "bool", []),
    topK: graph.input("top_k", "int64", []),
    topP: graph.input("top_p", "float32", []),
  };
}

/**
 * Draws one word per row by inverting the cumulative distribution at a given uniform number, so that a
 * draw depends on the distribution and that number alone.
 *
 * @param scores `[batch, vocabulary]` float32, already divided by the temperature
 * @param uniform `[batch]` in [0, 1)
 * @returns `[batch]` int64
 */
export function sample(scores: Value, uniform: Value, settings: SamplerInputs): Value {
  const { graph } = scores;
  const [word] = if_(
    settings.doSample,
    (branch) => {
      const { topK: k, topP: p } = settings;
      const unfiltered = and(lessOrEqual(branch.capture(k), 0), greaterOrEqual(p, 1));
      return if_(
        unfiltered,
        (inner) => [draw(inner.capture(scores), uniform)],
        (inner) => [draw(filter(inner.capture(scores), settings), uniform)],
        { name: "draw", graph: branch },
      );
    },
    (branch) => [argMax(branch.capture(scores), 1, false)],
    { name: "sample", graph },
  );
  return word!;
}

/** Words whose probabilities are added up together before they are looked at one by one. */
const BLOCK = 128;

/**
 * The first word whose cumulative probability exceeds `uniform`; a word of probability 0 never is. First the
 * block of words in which that is, then the word: a running sum over the whole vocabulary would be the slowest
 * operator of a step.
 */
function draw(scores: Value, uniform: Value): Value {
  const [, vocabulary] = scores.shape;
  if (typeof vocabulary !== "number") throw new Error("internal: the vocabulary is not static");
  const blocks = Math.ceil(vocabulary / BLOCK);
  const probabilities = softmax(scores, 1);
  const whole = vocabulary % BLOCK === 0
    ? probabilities
    : pad(probabilities, [0, 0, 0, blocks * BLOCK - vocabulary]);
  const byBlock = reshape(whole, [-1, blocks, BLOCK]);
  const sums = reduceSum(byBlock, [2], false); // [batch, blocks]
  const upTo = cumSum(sums, 1);
  const target = mul(uniform, gather(upTo, blocks - 1, 1)); // the last is 1 but for rounding
  const block = firstAbove(upTo, target); // [batch, 1]
  const at = (values: Value) => squeeze(gatherElements(values, block, 1), [1]);
  const start = at(cumSum(sums, 1, { exclusive: true }));
  // How far into the block, less than 1: its words add up to its sum but for rounding.
  const share = clip(div(sub(target, start), sub(at(upTo), start)), 0, 1 - 2 ** -24);
  const within = cumSum(gatherND(byBlock, block, 1), 1); // [batch, BLOCK]
  const word = firstAbove(within, mul(share, gather(within, BLOCK - 1, 1)));
  return clip(squeeze(add(mul(block, BLOCK), word), [1]), 0, vocabulary - 1);
}

/** Index of the first of rising sums `[batch, n]` that is above `target` `[batch]`, else the last: `[batch, 1]`. */
function firstAbove(sums: Value, target: Value): Value {
  const passed = lessOrEqual(sums, unsqueeze(target, [1]));
  return clip(reduceSum(cast(passed, "int64"), [1]), 0, (sums.shape[1] as number) - 1);
}

/** Top-k, then top-p (Holtzman et al. 2020), in transformers' order; words tied with the last kept one stay. */
function filter(scores: Value, { topK: k, topP: p }: SamplerInputs): Value {
  const { values } = topK(scores, shapeOf(scores, { start: 1, end: 2 })); // descending
  const rank = cumSum(cast(greaterOrEqual(values, values), "int64"), 1); // 1, 2, ..
  const inTopK = or(lessOrEqual(rank, k), lessOrEqual(k, 0));
  const likely = where(inTopK, values, EXCLUDED);
  const probability = softmax(likely, 1);
  const before = sub(cumSum(probability, 1), probability);
  const inTopP = or(less(before, p), equal(rank, 1));
  const least = reduceMin(where(and(inTopK, inTopP), values, 3e38), [1]);
  return where(greaterOrEqual(scores, least), scores, EXCLUDED);
}
