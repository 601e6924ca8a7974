import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ppo } from "@decorum/algorithms";
import { buildUpdateGraph } from "@decorum/learning";
import {
  openCheckpoint,
  openNetwork,
  openPolicyModel,
  runSequences,
  sequenceInputs,
  tokenBatch,
} from "@decorum/models";
import { GraphBuilder } from "@decorum/onnx";
import {
  castTensor,
  type ComputeType,
  float32,
  int64,
  readSafetensors,
  type Tensor,
  tensor,
  writeSafetensors,
  zeros,
} from "@decorum/tensor";
import { relativeError } from "../tools/gpu/parity.ts";
import { classifierGraph, goldenModel, trainedOf } from "./emitted_graphs.ts";
import { halves, policyCase, run, sequences } from "./half_runs.ts";

/**
 * bfloat16 has 3 bits of fraction fewer than float16, and random models of width 32 average little away:
 * on these models and tokens transformers 5.18 differs from its own fp32 by up to 0.0056 in fp16 and 0.034
 * in bf16 (largest error over largest logit, torch 2.13 on a CPU).
 */
const logitTolerance = { float16: 1e-2, bfloat16: 3e-2 } as const;
/** Of the whole gradient's norm; 0.004 and 0.048 when written. */
const gradientTolerance = { float16: 1e-2, bfloat16: 8e-2 } as const;

/** A model folder with its weights changed; removed with its scope. */
function changedModel(
  name: string,
  change: (key: string, weight: Tensor) => Tensor,
): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "decorum-half-"));
  cpSync(goldenModel(name), path, { recursive: true });
  const weights = readSafetensors(join(path, "model.safetensors"));
  writeSafetensors(
    join(path, "model.safetensors"),
    new Map([...weights].map(([key, weight]) => [key, change(key, weight)])),
  );
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const storedAs = (dtype: ComputeType) => (_key: string, weight: Tensor) =>
  castTensor(weight, dtype);

/** |found - expected| / |expected| over all parameters together. */
function normError(found: readonly Tensor[], expected: readonly Tensor[]): number {
  let [difference, norm] = [0, 0];
  found.forEach(({ dtype, data }, i) => {
    assert.equal(dtype, "float32");
    (data as Float32Array).forEach((x, j) => {
      const y = Number(expected[i]!.data[j]);
      difference += (x - y) ** 2;
      norm += y ** 2;
    });
  });
  return Math.sqrt(difference / norm);
}

function t5Logits(folder: string, computeType: ComputeType): Promise<Tensor> {
  using index = openCheckpoint(folder);
  const model = openPolicyModel(folder);
  const graph = new GraphBuilder("logits");
  const { weights, network } = openNetwork(graph, { model, index, computeType });
  const { decoded } = runSequences(model, network, sequenceInputs(graph));
  graph.output(network.logits(decoded), "logits");
  const { feeds } = tokenBatch(sequences, model.config);
  return run({ graph: graph.build(), files: weights.files }, feeds).then((out) => out["logits"]!);
}

for (const model of ["t5_lora_grad_flan", "t5_lora_grad_v10"]) {
  for (const stored of ["float32", ...halves] as const) {
    Deno.test(`${model} stored as ${stored}: logits of half precision are near fp32's`, async () => {
      using changed = changedModel(model, storedAs(stored));
      const expected = await t5Logits(changed.path, "float32");
      for (const computeType of halves) {
        const error = relativeError(await t5Logits(changed.path, computeType), expected);
        assert.ok(error > 0 && error < logitTolerance[computeType], `${computeType}: ${error}`);
      }
    });
  }
}

for (const model of ["bert_classify", "roberta_classify"]) {
  Deno.test(`${model}: logits of half precision are within 1e-2`, async () => {
    const feeds = {
      input_ids: int64([2, 5], [2, 7, 8, 9, 3, 2, 11, 3, 1, 1]),
      attention_mask: int64([2, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]),
      token_type_ids: zeros("int64", [2, 5]),
    };
    const logits = async (type: ComputeType) =>
      (await run(classifierGraph(goldenModel(model), type), feeds))["logits"]!;
    const expected = await logits("float32");
    for (const computeType of halves) {
      const error = relativeError(await logits(computeType), expected);
      assert.ok(error > 0 && error < 1e-2, `${computeType}: ${error}`);
    }
  });
}

Deno.test("products of wo beyond float16's 65504 stay finite and right", async () => {
  using changed = changedModel("t5_lora_grad_flan", (key, weight) => {
    if (!key.endsWith(".wo.weight")) return weight;
    return tensor("float32", weight.dims, (weight.data as Float32Array).map((x) => x * 1e6));
  });
  const expected = await t5Logits(changed.path, "float32");
  const error = relativeError(await t5Logits(changed.path, "float16"), expected);
  assert.ok(error < 1e-2, `${error}`);
});

for (const computeType of halves) {
  Deno.test(`gradients in ${computeType} are float32 and near fp32's, also of a small loss`, async () => {
    // No clipping: on which side of a clip a token falls is no matter of rounding.
    const objective = ppo.open({ cliprange: 1e3, cliprange_value: 1e3, vf_coef: 0 });
    for (const scale of [1, 1e-4]) {
      const gradients = async (type: ComputeType) => {
        const { config, index, spec, weights, noise } = policyCase(type);
        using _index = index;
        const batch = tokenBatch(sequences, config);
        const rows = zeros("float32", [batch.tokens]);
        const wrt = trainedOf(spec);
        const out = await run(buildUpdateGraph(objective, spec, wrt), {
          ...batch.feeds,
          ...weights,
          old_logprobs: float32([batch.tokens], Array(batch.tokens).fill(-5)),
          advantages: noise("advantages", [batch.tokens], scale),
          old_values: rows,
          returns: rows,
        });
        return wrt.filter((name) => !name.startsWith("v_head.")).map((name) =>
          out[`${name}_grad`]!
        );
      };
      const error = normError(await gradients(computeType), await gradients("float32"));
      assert.ok(error > 0 && error < gradientTolerance[computeType], `${error}`);
    }
  });
}
