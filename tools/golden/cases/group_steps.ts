import { join } from "node:path";
import { z } from "zod";
import {
  type Algorithm,
  firstState,
  grpo,
  Learning,
  offsetsOf,
  rloo,
  type RolledBatch,
  type ScoredBatch,
  tokenKl,
} from "@decorum/algorithms";
import type { LearnerSample } from "@decorum/learning";
import { initAdam, meanGradients } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, InputError, readSafetensors, type Tensor } from "@decorum/tensor";
import { type GoldenCase, inputOf } from "../case.ts";
import { LossSession } from "../loss.ts";

const STEPS = 3;

const schema = z.object({
  group_size: z.int().min(2),
  num_iterations: z.int().positive(),
  mini_batch_size: z.int().positive(),
  learning_rate: z.number().positive(),
  max_grad_norm: z.number().positive(),
  adam_eps: z.number().positive(),
  epsilon: z.number().positive(),
  epsilon_high: z.number().positive(),
  beta: z.number().nonnegative(),
  target: z.number().positive(),
  horizon: z.number().positive(),
  loss_type: z.enum(["grpo", "bnpo", "dr_grpo"]),
  scale_rewards: z.enum(["group", "batch", "none"]),
  normalize_advantages: z.boolean(),
  max_new_tokens: z.int().positive(),
  lora: z.object({
    r: z.int().positive(),
    lora_alpha: z.number().positive(),
    target_modules: z.array(z.string()).min(1),
  }),
});
type Config = z.infer<typeof schema>;
type Advised = LearnerSample & { readonly advantage: number };

/** GRPO steps: advantages, losses and gradients on the way, parameters at the end. */
export async function grpoSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const config = configOf(golden);
  const { loss_type, scale_rewards, max_new_tokens, group_size: num_generations } = config;
  const settings = {
    ...settingsOf(config),
    ...{ loss_type, scale_rewards, max_new_tokens, num_generations },
  };
  const algorithm = grpo.open(settings);
  const bnpo = grpo.open({ ...settings, loss_type: "bnpo" });
  await using loss = await LossSession.open(algorithm);
  return await reproduce(golden, config, runtime, algorithm, async (samples, logprobs) => {
    const time = golden.expected.get("parts")?.dims[1] ?? 0;
    const parts = float32([samples.length, time], new Float32Array(samples.length * time));
    for (const [row, { oldLogprobs, refLogprobs, ...sample }] of samples.entries()) {
      for (let t = 0; t < oldLogprobs.length; t++) {
        const at = (values: Float32Array) => values.slice(t, t + 1);
        const token = { ...sample, oldLogprobs: at(oldLogprobs), refLogprobs: at(refLogprobs) };
        const feeds = bnpo.feeds([token], { all: [token], atReference: false });
        parts.data[row * time + t] = (await loss.run(at(logprobs[row]!), feeds))["loss"]!;
      }
    }
    return parts;
  });
}

/** RLOO steps, likewise. */
export async function rlooSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const config = configOf(golden);
  const { normalize_advantages, group_size: rloo_k } = config;
  const algorithm = rloo.open({ ...settingsOf(config), normalize_advantages, rloo_k });
  await using loss = await LossSession.open(algorithm);
  return await reproduce(golden, config, runtime, algorithm, async (samples, logprobs) => {
    const parts: number[] = [];
    for (const [i, sample] of samples.entries()) {
      const feeds = algorithm.feeds([sample], { all: [sample], atReference: false });
      parts.push((await loss.run(logprobs[i]!, feeds))["loss"]!);
    }
    return float32([parts.length], parts);
  });
}

/** @param partsOf what tokens or sequences add to the loss, each by itself */
async function reproduce<Sample extends Advised>(
  golden: GoldenCase,
  config: Config,
  runtime: RuntimeOptions,
  algorithm: Algorithm<Sample>,
  partsOf: (samples: readonly Sample[], logprobs: readonly Float32Array[]) => Promise<Tensor>,
): Promise<Map<string, Tensor>> {
  const { r, lora_alpha: loraAlpha, target_modules: targetModules } = config.lora;
  await using learning = await Learning.open(algorithm, {
    model: join(golden.folder, "model"),
    lora: { r, loraAlpha, loraDropout: 0, targetModules },
    runtime,
  });
  const { learner } = learning;
  // Restored, not started from: the reference is the adapter switched off. As if an update had been made: at the first step of
  // a run of ours the policy is its reference.
  const params = readParams(golden, "start.safetensors");
  const train = { params, adam: initAdam(params), updates: 1, skipped: 0 };
  learner.restore({ train, reference: undefined });
  let state = firstState(algorithm);
  const found = new Map<string, Tensor>();
  for (let n = 0; n < STEPS; n++) {
    const batch = batchOf(golden, n);
    const { sequences, scores } = batch;
    const orders = ordersOf(golden, n);
    const flat = async (reference: boolean) =>
      Float32Array.from(
        (await learner.forward(sequences, { reference })).flatMap((row) => [...row.logprobs]),
      );
    const [logprobs, refLogprobs] = [await flat(false), await flat(true)];
    const rolled: RolledBatch = {
      ...{ sequences, scores, hasEos: scores.map(() => true), values: new Float32Array() },
      offsets: offsetsOf(sequences.map(({ response }) => response.length)),
      ...{ logprobs, refLogprobs, kl: tokenKl("kl", logprobs, refLogprobs) },
      klCoef: state.klController.value,
    };
    const all = algorithm.samples(rolled, algorithm.rewards(rolled));
    found.set(`step${n}.advantages`, float32([all.length], all.map((s) => s.advantage)));
    if (n === 1) {
      const now = learner.state();
      const before = inputParams(golden, "before.");
      learner.restore({ ...now, train: { ...now.train, params: before } });
      const minibatch = orders[1]!.slice(0, config.mini_batch_size).map((i) => all[i]!);
      const { accumulation, predictions } = await learner.gradients(minibatch);
      found.set("parts", await partsOf(minibatch, predictions.map((p) => p.logprobs)));
      for (const [name, gradient] of meanGradients(accumulation)) {
        found.set(`grad.${name}`, gradient);
      }
      learner.restore(now);
    }
    const learned = await learning.learn(batch, state, { order: (epoch) => orders[epoch]! });
    ({ state } = learned);
    for (const [name, statistic] of Object.entries(learned.statistics)) {
      found.set(`step${n}.${name}`, float32([1], [statistic]));
    }
  }
  for (const [name, parameter] of learner.state().train.params) found.set(name, parameter);
  return found;
}

function configOf({ folder, json }: GoldenCase): Config {
  const result = schema.safeParse(json["config"]);
  if (result.success) return result.data;
  throw new InputError(`Cannot use ${folder}/case.json: ${z.prettifyError(result.error)}`);
}

/** What both algorithms have. */
function settingsOf(config: Config) {
  const { num_iterations, mini_batch_size, learning_rate, max_grad_norm, adam_eps } = config;
  const { epsilon, epsilon_high, beta, target, horizon } = config;
  return {
    ...{ num_iterations, batch_size: 8, mini_batch_size, learning_rate, max_grad_norm, adam_eps },
    ...{ epsilon, epsilon_high, beta, adap_kl_ctrl: true, target, horizon },
  };
}

export function batchOf(golden: GoldenCase, step: number): ScoredBatch {
  const scores = [...inputOf(golden, `step${step}.scores`, "float32").data];
  const ids = (name: string) => Array.from(inputOf(golden, name, "int64").data, Number);
  return {
    scores,
    sequences: scores.map((_, i) => ({
      query: ids(`step${step}.query.${i}`),
      response: ids(`step${step}.response.${i}`),
    })),
  };
}

export function ordersOf(golden: GoldenCase, step: number): number[][] {
  const { dims: [epochs = 0, size = 0], data } = inputOf(golden, `step${step}.order`, "int64");
  return Array.from(
    { length: epochs },
    (_, e) => Array.from(data.subarray(e * size, (e + 1) * size), Number),
  );
}

export function readParams({ folder }: GoldenCase, file: string): Map<string, Tensor<"float32">> {
  return floats([...readSafetensors(join(folder, file))], file);
}

function inputParams({ inputs }: GoldenCase, prefix: string): Map<string, Tensor<"float32">> {
  const named = [...inputs].filter(([name]) => name.startsWith(prefix));
  return floats(
    named.map(([name, value]) => [name.slice(prefix.length), value]),
    "inputs.safetensors",
  );
}

function floats(tensors: [string, Tensor][], file: string): Map<string, Tensor<"float32">> {
  return new Map(tensors.map(([name, value]) => {
    if (value.dtype === "float32") return [name, value as Tensor<"float32">];
    throw new InputError(
      `Cannot use ${file}: tensor "${name}" is ${value.dtype}; expected float32`,
    );
  }));
}
