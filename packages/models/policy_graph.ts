import {
  div,
  exp,
  gather,
  gatherElements,
  GraphBuilder,
  logSoftmax,
  mul,
  neg,
  reduceSum,
  squeeze,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import {
  type EncoderDecoder,
  type EncoderDecoderNetwork,
  runSequences,
  sequenceInputs,
} from "./encoder_decoder.ts";
import { AdapterInputs, type AdapterOptions, Linear } from "./linear.ts";
import type { LoraConfig } from "./lora.ts";
import { valueHead } from "./value_head.ts";
import { type ModelGraph, type WeightIndex, Weights, type WeightsOptions } from "./weights.ts";

/** What a policy is made of. */
export interface PolicySpec extends WeightsOptions {
  readonly model: EncoderDecoder;
  readonly index: WeightIndex;
  readonly lora?: LoraConfig;
  /** Adds the value head's parameters as inputs and `values`. */
  readonly valueHead?: boolean;
  /** Takes LoRA dropout masks as inputs: see `AdapterInputs`. */
  readonly dropout?: boolean;
}

/** Values of a policy graph, one row for each counted token. */
export interface PolicyValues {
  readonly graph: GraphBuilder;
  /** log-probability of the label, `[tokens]` */
  readonly logprobs: Value;
  /** Adds the entropy of the whole softmax, `[tokens]`, in nats: a graph is computed whole, wanted or not. */
  readonly entropy: () => Value;
  /** Value head's prediction, `[tokens]`, where the policy has one */
  readonly values: Value | undefined;
}

/**
 * Log-probabilities of labels and the entropy of each row's distribution.
 *
 * @param logits `[tokens, vocabulary]` float32
 * @param labels `[tokens]` int64
 */
export function tokenLogprobs(
  logits: Value,
  labels: Value,
): Pick<PolicyValues, "logprobs" | "entropy"> {
  const all = logSoftmax(logits, -1);
  return {
    logprobs: atLabels(all, labels),
    entropy: () => neg(reduceSum(mul(exp(all), all), [1], false)),
  };
}

/** One value of each row: `[rows, columns]` at int64 `labels` `[rows]`. @returns `[rows]` */
export function atLabels(values: Value, labels: Value): Value {
  return squeeze(gatherElements(values, unsqueeze(labels, [1]), 1), [1]);
}

/** The policy's nodes in a graph, adapter included; the weights are the graph's own. */
export function openNetwork(
  graph: GraphBuilder,
  spec: PolicySpec,
  options: AdapterOptions = {},
): { readonly weights: Weights; readonly network: EncoderDecoderNetwork } {
  const { model, lora } = spec;
  const weights = new Weights(graph, spec.index, spec);
  const adapter = lora && new AdapterInputs(weights, lora, model.layers, options);
  return { weights, network: model.network(new Linear(weights, adapter)) };
}

/**
 * A policy over whole sequences. Inputs: `input_ids`, `attention_mask` `[batch, source]`,
 * `decoder_input_ids` `[batch, target]`, `rows` `[tokens]` (positions that count, in
 * `[batch * target]`), `labels` `[tokens]`, `temperature` `[]`, the adapter's and value head's
 * parameters. Logits are computed for `rows` only, so padding costs no LM head.
 *
 * @param finish declares outputs on `values.graph`
 */
export function buildPolicyGraph(
  name: string,
  spec: PolicySpec,
  finish: (values: PolicyValues) => void,
): ModelGraph {
  const { model } = spec;
  const graph = new GraphBuilder(name);
  const inputs = sequenceInputs(graph);
  const rows = graph.input("rows", "int64", ["tokens"]);
  const labels = graph.input("labels", "int64", ["tokens"]);
  const temperature = graph.input("temperature", "float32", []);
  const { weights, network } = openNetwork(graph, spec, spec.dropout ? { dropout: true } : {});
  const hidden = gather(runSequences(model, network, inputs).decoded, rows, 0);
  // Dividing before the head is dividing the logits: the head is linear, and has no bias.
  const { logprobs, entropy } = tokenLogprobs(network.logits(div(hidden, temperature)), labels);
  const values = spec.valueHead ? valueHead(graph, hidden, model.config.hidden_size) : undefined;
  finish({ graph, logprobs, entropy, values });
  return { graph: graph.build(), files: weights.files };
}

/** The policy without gradients: outputs `logprobs` and, with a value head, `values`. */
export function buildForwardGraph(spec: PolicySpec): ModelGraph {
  return buildPolicyGraph("policy_forward", spec, ({ graph, logprobs, values }) => {
    graph.output(logprobs, "logprobs");
    if (values) graph.output(values, "values");
  });
}
