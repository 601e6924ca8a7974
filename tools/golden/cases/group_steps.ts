import { join } from "node:path";
import { z } from "zod";
import {
  denseRows,
  type LearnerSample,
  maskOf,
  type PolicyLearner,
  type TokenPredictions,
} from "@decorum/learning";
import {
  type GroupBatch,
  type GroupStepConfig,
  type GroupStepResult,
  GrpoLearner,
  type GrpoSample,
  grpoStep,
  RlooLearner,
  type RlooSample,
  rlooStep,
} from "@decorum/algorithms";
import { initAdam, meanGradients } from "@decorum/optim";
import {
  groupAdvantages,
  grpoLoss,
  type KlController,
  leaveOneOutAdvantages,
  rlooLoss,
} from "@decorum/algorithms";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, InputError, readSafetensors, type Tensor } from "@decorum/tensor";
import { type GoldenCase, inputOf } from "../case.ts";

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
type Predictions = readonly TokenPredictions[];

/** An algorithm: how it steps, and the parts of it that the case looks at. */
interface Algorithm<Sample extends LearnerSample> {
  readonly learner: PolicyLearner<Sample, unknown>;
  step(
    batch: GroupBatch,
    klController: KlController,
    order: (epoch: number) => number[],
  ): Promise<GroupStepResult>;
  samples(batch: GroupBatch, rollout: Predictions, reference: Predictions, beta: number): Sample[];
  /** What tokens or sequences add to the loss. */
  parts(samples: readonly Sample[], predictions: Predictions): Tensor;
}

/** GRPO steps: advantages, losses and gradients on the way, parameters at the end. */
export async function grpoSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const config = configOf(golden);
  const { loss_type: lossType, max_new_tokens: maxNewTokens } = config;
  const settings = {
    ...stepConfig(config),
    numGenerations: config.group_size,
    scaleRewards: config.scale_rewards,
  };
  const loss = { ...clipOf(config), lossType, maxNewTokens };
  await using learner = await GrpoLearner.create({ ...options(golden, config, runtime), loss });
  return await reproduce<GrpoSample>(golden, config, {
    learner,
    step: (batch, klController, order) => grpoStep(learner, batch, settings, klController, order),
    samples({ sequences, scores }, rollout, reference, beta) {
      const advantages = groupAdvantages(scores, settings);
      return sequences.map((sequence, i) => ({
        sequence,
        oldLogprobs: rollout[i]!.logprobs,
        refLogprobs: reference[i]!.logprobs,
        advantage: advantages[i]!,
        beta,
      }));
    },
    parts: (samples, predictions) =>
      grpoLoss({
        ...loss,
        ...tensorsOf(samples, predictions),
        refLogprobs: dense(samples, samples.map((s) => s.refLogprobs)),
        beta: samples[0]!.beta,
      }).tokens,
  });
}

/** RLOO steps, likewise. */
export async function rlooSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const config = configOf(golden);
  const settings = {
    ...stepConfig(config),
    rlooK: config.group_size,
    normalizeAdvantages: config.normalize_advantages,
  };
  const loss = clipOf(config);
  await using learner = await RlooLearner.create({ ...options(golden, config, runtime), loss });
  return await reproduce<RlooSample>(golden, config, {
    learner,
    step: (batch, klController, order) => rlooStep(learner, batch, settings, klController, order),
    samples({ sequences, scores }, rollout, reference, beta) {
      const kl = rollout.map(({ logprobs }, i) =>
        logprobs.reduce((sum, logprob, t) => sum + logprob - reference[i]!.logprobs[t]!, 0)
      );
      const rewards = scores.map((score, i) => score - beta * kl[i]!);
      const advantages = leaveOneOutAdvantages(rewards, settings);
      return sequences.map((sequence, i) => ({
        sequence,
        oldLogprobs: rollout[i]!.logprobs,
        advantage: advantages[i]!,
      }));
    },
    parts(samples, predictions) {
      const { sequences } = rlooLoss({ ...loss, ...tensorsOf(samples, predictions) });
      return float32([sequences.length], sequences);
    },
  });
}

async function reproduce<Sample extends LearnerSample & { readonly advantage: number }>(
  golden: GoldenCase,
  config: Config,
  { learner, step, samples, parts }: Algorithm<Sample>,
): Promise<Map<string, Tensor>> {
  // Restored, not started from: the reference is the adapter switched off.
  const params = readParams(golden, "start.safetensors");
  const train = { params, adam: initAdam(params), updates: 0, skipped: 0 };
  learner.restore({ train, reference: undefined });
  const { beta: value, target, horizon } = config;
  let klController: KlController = { kind: "adaptive", value, target, horizon };
  const found = new Map<string, Tensor>();
  for (let n = 0; n < STEPS; n++) {
    const batch = batchOf(golden, n);
    const { sequences } = batch;
    const orders = ordersOf(golden, n);
    const rollout = await learner.forward(sequences);
    const reference = await learner.forward(sequences, { reference: true });
    const all = samples(batch, rollout, reference, klController.value);
    found.set(`step${n}.advantages`, float32([all.length], all.map((s) => s.advantage)));
    if (n === 1) {
      const now = learner.state();
      const before = inputParams(golden, "before.");
      learner.restore({ ...now, train: { ...now.train, params: before } });
      const minibatch = orders[1]!.slice(0, config.mini_batch_size).map((i) => all[i]!);
      const { accumulation, predictions } = await learner.gradients(minibatch);
      found.set("parts", trimmed(parts(minibatch, predictions), golden));
      for (const [name, gradient] of meanGradients(accumulation)) {
        found.set(`grad.${name}`, gradient);
      }
      learner.restore(now);
    }
    const result = await step(batch, klController, (epoch) => orders[epoch]!);
    klController = result.klController;
    for (const [name, statistic] of Object.entries(result.stats)) {
      found.set(`step${n}.${name}`, float32([1], [statistic]));
    }
  }
  for (const [name, parameter] of learner.state().train.params) found.set(name, parameter);
  return found;
}

/** PyTorch pads a mini-batch to the longest response of its batch; what is beyond ours is 0. */
function trimmed(parts: Tensor, golden: GoldenCase): Tensor {
  const [batch = 0, time] = parts.dims;
  const wide = golden.expected.get("parts")?.dims[1] ?? time;
  if (time === undefined || wide === undefined || wide === time) return parts;
  const data = new Float32Array(batch * wide);
  for (let row = 0; row < batch; row++) {
    data.set((parts.data as Float32Array).subarray(row * time, (row + 1) * time), row * wide);
  }
  return float32([batch, wide], data);
}

function dense(samples: readonly LearnerSample[], rows: readonly Float32Array[]) {
  return denseRows(samples.map((s) => s.sequence), rows);
}

function tensorsOf(
  samples: readonly (LearnerSample & { readonly advantage: number })[],
  predictions: Predictions,
) {
  return {
    logprobs: dense(samples, predictions.map((p) => p.logprobs)),
    oldLogprobs: dense(samples, samples.map((s) => s.oldLogprobs)),
    mask: maskOf(samples.map((s) => s.sequence)),
    advantages: samples.map((s) => s.advantage),
  };
}

function configOf({ folder, json }: GoldenCase): Config {
  const result = schema.safeParse(json["config"]);
  if (result.success) return result.data;
  throw new InputError(`Cannot use ${folder}/case.json: ${z.prettifyError(result.error)}`);
}

const clipOf = (config: Config) => ({
  epsilon: config.epsilon,
  epsilonHigh: config.epsilon_high,
});

const stepConfig = (config: Config): GroupStepConfig => ({
  miniBatchSize: config.mini_batch_size,
  numIterations: config.num_iterations,
  temperature: 1,
});

function options(golden: GoldenCase, config: Config, runtime: RuntimeOptions) {
  const { r, lora_alpha: loraAlpha, target_modules: targetModules } = config.lora;
  return {
    model: join(golden.folder, "model"),
    lora: { r, loraAlpha, loraDropout: 0, targetModules },
    optimizer: {
      learningRate: config.learning_rate,
      eps: config.adam_eps,
      maxGradNorm: config.max_grad_norm,
    },
    runtime,
  };
}

function batchOf(golden: GoldenCase, step: number): GroupBatch {
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

function ordersOf(golden: GoldenCase, step: number): number[][] {
  const { dims: [epochs = 0, size = 0], data } = inputOf(golden, `step${step}.order`, "int64");
  return Array.from(
    { length: epochs },
    (_, e) => Array.from(data.subarray(e * size, (e + 1) * size), Number),
  );
}

function readParams({ folder }: GoldenCase, file: string): Map<string, Tensor<"float32">> {
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
