import { join } from "node:path";
import { computeTypeOf, float32, int64, type Tensor } from "@decorum/tensor";
import {
  adapterShapes,
  buildForwardGraph,
  loraScaling,
  openCheckpoint,
  openPolicyModel,
  readPeftAdapter,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
} from "@decorum/models";
import { ppo } from "@decorum/algorithms";
import { buildUpdateGraph } from "@decorum/learning";
import type { RuntimeOptions } from "@decorum/runtime";
import { constantOf, type GoldenCase, inputOf } from "../case.ts";
import { runGraph } from "../session.ts";

/**
 * PPO loss, its parts, and the gradient of every adapter and value-head parameter; log-probabilities and
 * values of all positions, also those that the loss does not count.
 */
export async function t5LoraGrad(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const folder = join(golden.folder, "model");
  const policy = openPolicyModel(folder);
  const { layers } = policy;
  using checkpoint = openCheckpoint(folder);
  const adapter = readPeftAdapter(join(golden.folder, "adapter"), layers);
  const objective = ppo.open({
    cliprange: constantOf(golden, "cliprange", 0.2),
    cliprange_value: constantOf(golden, "cliprange_value", 0.2),
    vf_coef: constantOf(golden, "vf_coef", 0.1),
  });
  const spec = {
    model: policy,
    index: checkpoint,
    computeType: computeTypeOf(runtime.precision ?? "fp32"),
    lora: adapter.config,
    valueHead: true,
  };
  const wrt = [
    ...adapterShapes(adapter.config, layers).keys(),
    VALUE_HEAD_WEIGHT,
    VALUE_HEAD_BIAS,
  ];
  const model = buildUpdateGraph(objective, spec, wrt);
  const mask = inputOf(golden, "labels_mask", "int64");
  const counted = [...mask.data.keys()].filter((i) => mask.data[i] !== 0n);
  const labels = inputOf(golden, "labels", "int64");
  const perToken = (name: string) => {
    const all = inputOf(golden, name, "float32");
    return float32([counted.length], counted.map((i) => all.data[i]!));
  };
  const given = {
    input_ids: inputOf(golden, "input_ids", "int64"),
    attention_mask: inputOf(golden, "attention_mask", "int64"),
    decoder_input_ids: inputOf(golden, "decoder_input_ids", "int64"),
    temperature: float32([], [1]),
    lora_scale: float32([], [loraScaling(adapter.config)]),
    ...Object.fromEntries(adapter.parameters),
    [VALUE_HEAD_WEIGHT]: inputOf(golden, VALUE_HEAD_WEIGHT, "float32"),
    [VALUE_HEAD_BIAS]: inputOf(golden, VALUE_HEAD_BIAS, "float32"),
  };
  const rowsAt = (positions: readonly number[]) => ({
    rows: int64([positions.length], positions),
    labels: int64([positions.length], positions.map((i) => Number(labels.data[i]))),
  });
  const everywhere = await runGraph(buildForwardGraph(spec), {
    ...given,
    ...rowsAt([...mask.data.keys()]),
  }, runtime);
  const results = await runGraph(model, {
    ...given,
    ...rowsAt(counted),
    old_logprobs: perToken("old_logprobs"),
    advantages: perToken("advantages"),
    old_values: perToken("old_values"),
    returns: perToken("returns"),
  }, runtime);
  return withGoldenNames(results, everywhere);
}

const names: Readonly<Record<string, string>> = {
  "ppo/loss/policy": "pg_loss",
  "ppo/loss/value": "vf_loss",
  "ppo/policy/entropy": "entropy",
};

/** Gradients as `grad.<parameter>`; the other names are those of the case. */
function withGoldenNames(
  results: Readonly<Record<string, Tensor>>,
  everywhere: Readonly<Record<string, Tensor>>,
): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(results)) {
    if (name.endsWith("_grad")) found.set(`grad.${name.slice(0, -"_grad".length)}`, value);
    else found.set(names[name] ?? name, value);
  }
  for (const name of ["logprobs", "values"]) found.set(name, everywhere[name]!);
  return found;
}
