/** A batch, and the scores of its tokens under a tiny T5. */
import { float32 } from "@decorum/tensor";
import {
  buildForwardGraph,
  buildPolicyGraph,
  type PolicySpec,
  type Sequence,
  tokenBatch,
} from "../mod.ts";
import { type Feeds, floats, run } from "@decorum/testing/graph";
import type { makeT5 } from "./tiny.ts";

export type TinyT5 = ReturnType<typeof makeT5>;

/** Prompts and responses of unlike lengths. */
export const sequences: Sequence[] = [
  { query: [5, 6, 7, 1], response: [9, 8, 1] },
  { query: [11, 3, 4, 30, 31, 32, 33, 12, 13, 1], response: [20, 21, 22, 23, 24, 25, 1] },
  { query: [39], response: [2] },
];

export const specOf = ({ model, index }: TinyT5): PolicySpec => ({ model, index });

/** Feeds of a policy graph at temperature 1. */
export const feedsOf = (tiny: TinyT5, batch: readonly Sequence[], more: Feeds = {}): Feeds => ({
  ...tokenBatch(batch, tiny.model.config).feeds,
  temperature: float32([], [1]),
  ...more,
});

/** A policy that says the entropy too. */
export const entropyGraph = (spec: PolicySpec) =>
  buildPolicyGraph("policy_entropy", spec, ({ graph, logprobs, entropy }) => {
    graph.output(logprobs, "logprobs");
    graph.output(entropy(), "entropy");
  });

/** Log-probabilities of the responses' tokens. */
export const logprobsOf = async (model: TinyT5, batch: readonly Sequence[] = sequences) =>
  floats((await run(buildForwardGraph(specOf(model)), feedsOf(model, batch)))["logprobs"]);
