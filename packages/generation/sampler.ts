import {
  and,
  argMax,
  cast,
  clip,
  cumSum,
  equal,
  gather,
  type GraphBuilder,
  greaterOrEqual,
  if_,
  less,
  lessOrEqual,
  mul,
  or,
  reduceMin,
  reduceSum,
  shapeOf,
  softmax,
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
  const [drawn] = if_(
    settings.doSample,
    (branch) => [draw(filter(branch.capture(scores), settings), uniform)],
    (branch) => [argMax(branch.capture(scores), 1, false)],
    { name: "sample", graph: scores.graph },
  );
  return drawn!;
}

/** The first word whose cumulative probability exceeds `uniform`; a word of probability 0 never is. */
function draw(scores: Value, uniform: Value): Value {
  const cumulative = cumSum(softmax(scores, 1), 1);
  const vocabulary = scores.shape[1];
  if (typeof vocabulary !== "number") throw new Error("internal: the vocabulary is not static");
  const total = gather(cumulative, vocabulary - 1, 1); // [batch]: 1 but for rounding
  const passed = lessOrEqual(cumulative, unsqueeze(mul(uniform, total), [1]));
  return clip(reduceSum(cast(passed, "int64"), [1], false), 0, vocabulary - 1);
}

/** Top-k, then top-p (Holtzman et al. 2020), in transformers' order; words tied with the last kept one stay. */
function filter(scores: Value, { topK: k, topP: p }: SamplerInputs): Value {
  const { graph } = scores;
  const all = lessOrEqual(graph.capture(k), 0);
  const off = and(all, greaterOrEqual(graph.capture(p), 1));
  const [kept] = if_(
    off,
    (branch) => [branch.op("Identity", [scores])],
    (branch) => {
      const own = branch.capture(scores);
      const vocabulary = shapeOf(own, { start: 1, end: 2 });
      const { values } = topK(own, vocabulary); // descending
      const rank = cumSum(cast(greaterOrEqual(values, values), "int64"), 1); // 1, 2, ..
      const inTopK = or(lessOrEqual(rank, k), branch.capture(all));
      const likely = where(inTopK, values, EXCLUDED);
      const probability = softmax(likely, 1);
      const before = sub(cumSum(probability, 1), probability);
      const inTopP = or(less(before, p), equal(rank, 1));
      const least = reduceMin(where(and(inTopK, inTopP), values, 3e38), [1]);
      return [where(greaterOrEqual(own, least), own, EXCLUDED)];
    },
    { name: "filter", graph },
  );
  return kept!;
}
