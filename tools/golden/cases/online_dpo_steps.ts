import { join } from "node:path";
import { z } from "zod";
import { firstState, Learning, onlineDpo } from "@decorum/algorithms";
import { initAdam } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, type Tensor } from "@decorum/tensor";
import type { GoldenCase } from "../case.ts";
import { batchOf, ordersOf, readParams } from "./group_steps.ts";

const STEPS = 3;
const EOS = 1;

const schema = z.object({
  batch_size: z.int().positive(),
  mini_batch_size: z.int().positive(),
  learning_rate: z.number().positive(),
  max_grad_norm: z.number().positive(),
  adam_eps: z.number().positive(),
  beta: z.number().positive(),
  missing_eos_penalty: z.number(),
  lora: z.object({
    r: z.int().positive(),
    lora_alpha: z.number().positive(),
    target_modules: z.array(z.string()).min(1),
  }),
});

/** Steps of online DPO: statistics of each, parameters at the end. */
export async function onlineDpoSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const { lora, ...given } = schema.parse(golden.json["config"]);
  const algorithm = onlineDpo.open(given);
  const { r, lora_alpha: loraAlpha, target_modules: targetModules } = lora;
  await using learning = await Learning.open(algorithm, {
    model: join(golden.folder, "model"),
    lora: { r, loraAlpha, loraDropout: 0, targetModules },
    runtime,
  });
  const { learner } = learning;
  // As if an update had been made: at the first step of a run of ours the policy is its reference.
  const params = readParams(golden, "start.safetensors");
  const train = { params, adam: initAdam(params), updates: 1, skipped: 0 };
  learner.restore({ train, reference: undefined });
  let state = firstState(algorithm);
  const found = new Map<string, Tensor>();
  for (let step = 0; step < STEPS; step++) {
    const { sequences, scores } = batchOf(golden, step);
    const orders = ordersOf(golden, step);
    const hasEos = sequences.map(({ response }) => response.includes(EOS));
    const learned = await learning.learn(
      { sequences, scores, hasEos },
      state,
      { order: (epoch) => orders[epoch]! },
    );
    ({ state } = learned);
    for (const [name, statistic] of Object.entries(learned.statistics)) {
      found.set(`step${step}.${name}`, float32([1], [statistic]));
    }
  }
  for (const [name, parameter] of learner.state().train.params) found.set(name, parameter);
  return found;
}
