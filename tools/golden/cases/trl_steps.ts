import { join } from "node:path";
import { z } from "zod";
import { firstState, Learning, ppo, type ScoredBatch } from "@decorum/algorithms";
import type { Sequence } from "@decorum/models";
import { initAdam } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, InputError, readSafetensors, type Tensor } from "@decorum/tensor";
import { type GoldenCase, inputOf } from "../case.ts";
import { numpyPermutations } from "../numpy_permutation.ts";

/** What TRL's `PPOConfig` may say here; defaults are TRL 0.11.4's own. */
const schema = z.object({
  learning_rate: z.number().positive(),
  ppo_epochs: z.int().positive().default(4),
  batch_size: z.int().positive(),
  mini_batch_size: z.int().positive(),
  gradient_accumulation_steps: z.literal(1).default(1),
  early_stopping: z.literal(false).default(false),
  init_kl_coef: z.number().nonnegative().default(0.2),
  target: z.number().positive().default(6),
  horizon: z.number().positive().default(10000),
  adap_kl_ctrl: z.boolean().default(true),
  kl_penalty: z.enum(["kl", "abs", "mse"]).default("kl"),
  gamma: z.number().default(1),
  lam: z.number().default(0.95),
  cliprange: z.number().positive().default(0.2),
  cliprange_value: z.number().positive().default(0.2),
  vf_coef: z.number().default(0.1),
  whiten_rewards: z.boolean().default(false),
  max_grad_norm: z.null().optional(),
  use_score_scaling: z.literal(false).default(false),
  use_score_norm: z.literal(false).default(false),
  score_clip: z.null().optional(),
  seed: z.int().default(0),
  lora: z.object({
    r: z.int().positive(),
    lora_alpha: z.number().positive(),
    target_modules: z.array(z.string()).min(1),
  }),
});

/**
 * TRL `PPOTrainer.step` calls: statistics of each, parameters at the end. In TRL 0.11.4 response ids begin with the decoder's
 * start token, the first generated token does not count, the reference is the adapter switched off, and Adam has another
 * epsilon and no clipping.
 */
export async function trlSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const { seed, lora, gradient_accumulation_steps: _, early_stopping: __, ...config } = readConfig(
    golden,
  );
  const stats = golden.json["stats"];
  if (!Array.isArray(stats)) {
    throw new InputError(
      `Cannot use ${golden.folder}/case.json: field "stats" is no list of steps`,
    );
  }
  const { r, lora_alpha: loraAlpha, target_modules: targetModules } = lora;
  const algorithm = ppo.open({
    ...config,
    ...{ adam_eps: 1e-8, max_grad_norm: null, score_clip: null },
  });
  await using learning = await Learning.open(algorithm, {
    model: join(golden.folder, "model"),
    lora: { r, loraAlpha, loraDropout: 0, targetModules },
    runtime,
  });
  const { learner } = learning;
  // Restored, not started from: TRL's reference is the adapter switched off. As if an update had been made: at the first
  // step of a run of ours the policy is its reference.
  const params = startOf(golden);
  const train = { params, adam: initAdam(params), updates: 1, skipped: 0 };
  learner.restore({ train, reference: undefined });
  let state = firstState(algorithm);
  const permutations = numpyPermutations(seed);
  const found = new Map<string, Tensor>();
  for (const step of stats.keys()) {
    const batch = batchOf(golden, step, config.batch_size);
    const drawn = Array.from(
      { length: config.ppo_epochs },
      () => permutations(batch.sequences.length),
    );
    const orders = recordedOrders(golden, step) ?? drawn;
    const learned = await learning.learn(
      batch,
      state,
      { order: (epoch) => orders[epoch]! },
    );
    ({ state } = learned);
    for (const name of Object.keys(stats[step])) {
      const value = learned.statistics[name];
      if (value !== undefined) found.set(`step${step}.${name}`, float32([1], [value]));
    }
  }
  for (const [name, value] of learner.state().train.params) found.set(name, value);
  return found;
}

/** The statistics that `case.json` expects, under the names that {@link trlSteps} gives them. */
export function trlExpected(golden: GoldenCase): Map<string, Tensor> {
  const expected = new Map(golden.expected);
  const stats = golden.json["stats"];
  for (const [step, values] of (Array.isArray(stats) ? stats : []).entries()) {
    for (const [name, value] of Object.entries(values as Record<string, number>)) {
      expected.set(`step${step}.${name}`, float32([1], [value]));
    }
  }
  return expected;
}

function readConfig({ folder, json }: GoldenCase): z.infer<typeof schema> {
  const result = schema.safeParse(json["config"]);
  if (result.success) return result.data;
  const problems = result.error.issues.map((i) =>
    `field "config.${i.path.join(".")}": ${i.message}`
  );
  throw new InputError(`Cannot use ${folder}/case.json: ${problems.join("; ")}`);
}

function startOf({ folder }: GoldenCase): Map<string, Tensor<"float32">> {
  const file = join(folder, "start.safetensors");
  return new Map([...readSafetensors(file)].map(([name, value]) => {
    if (value.dtype === "float32") return [name, value as Tensor<"float32">];
    throw new InputError(
      `Cannot use ${file}: tensor "${name}" is ${value.dtype}; expected float32`,
    );
  }));
}

/** TRL's response ids begin with the decoder's start token, and it drops the first generated token. */
function batchOf(golden: GoldenCase, step: number, size: number): ScoredBatch {
  const ids = (name: string) => Array.from(inputOf(golden, name, "int64").data, Number);
  const sequences = Array.from({ length: size }, (_, i): Sequence => {
    const response = ids(`step${step}.response.${i}`).slice(1);
    return { query: ids(`step${step}.query.${i}`), response, mask: response.map((_, t) => t >= 1) };
  });
  return {
    sequences,
    scores: Array.from(inputOf(golden, `step${step}.scores`, "float32").data),
    responseLengths: sequences.map((s) => s.response.length + 1),
  };
}

/** Order of the sequences in every epoch, where it was recorded. */
function recordedOrders(golden: GoldenCase, step: number): number[][] | undefined {
  const name = `step${step}.order`;
  if (!golden.inputs.has(name)) return undefined;
  const { dims: [epochs = 0, size = 0], data } = inputOf(golden, name, "int64");
  return Array.from(
    { length: epochs },
    (_, e) => Array.from(data.subarray(e * size, (e + 1) * size), Number),
  );
}
