import { join } from "node:path";
import {
  cast,
  concat,
  GraphBuilder,
  mul,
  reshape,
  shapeOf,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import type { RuntimeOptions } from "@decorum/runtime";
import { computeTypeOf, int64, type Tensor } from "@decorum/tensor";
import {
  openCheckpoint,
  openNetwork,
  openPolicyModel,
  runSequences,
  sequenceInputs,
  tokenLogprobs,
} from "@decorum/models";
import { type GoldenCase, inputOf } from "../case.ts";
import { runGraph } from "../session.ts";

/** `[batch * time, width]` as `[batch, time, width]`. */
function unflatten(rows: Value, ids: Value, width: number): Value {
  return reshape(rows, concat([shapeOf(ids), ids.graph.constant(int64([1], [width]))], 0));
}

/** Encoder and decoder states, logits and log-probabilities of every row, padding included. */
export async function t5Forward(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const folder = join(golden.folder, "model");
  const model = openPolicyModel(folder);
  const { hidden_size, vocab_size } = model.config;
  using index = openCheckpoint(folder);
  const graph = new GraphBuilder("t5_forward");
  const inputs = sequenceInputs(graph);
  const { inputIds, attentionMask, decoderInputIds } = inputs;
  const labels = graph.input("labels", "int64", ["prompts*responses", "target"]);
  const computeType = computeTypeOf(runtime.precision ?? "fp32");
  const { weights, network } = openNetwork(graph, { model, index, computeType });
  const { encoded, decoded } = runSequences(model, network, inputs);
  const logits = network.logits(decoded);
  const { logprobs } = tokenLogprobs(logits, reshape(labels, [-1]));
  const states = unflatten(encoded, inputIds, hidden_size);
  graph.output(
    mul(states, unsqueeze(cast(attentionMask, "float32"), [2])),
    "encoder_last_hidden_state",
  );
  graph.output(
    unflatten(decoded, decoderInputIds, hidden_size),
    "decoder_last_hidden_state",
  );
  graph.output(unflatten(logits, decoderInputIds, vocab_size), "logits");
  graph.output(logprobs, "logprobs");
  const feeds = Object.fromEntries(
    ["input_ids", "attention_mask", "decoder_input_ids", "labels"].map((name) => [
      name,
      inputOf(golden, name, "int64"),
    ]),
  );
  const results = await runGraph({ graph: graph.build(), files: weights.files }, feeds, runtime);
  return new Map(Object.entries(results));
}
