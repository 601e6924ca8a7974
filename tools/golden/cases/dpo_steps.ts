import { join } from "node:path";
import { z } from "zod";
import { openDpo, type PreferencePair } from "@decorum/learning";
import { initAdam, meanGradients } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, InputError, readSafetensors, type Tensor } from "@decorum/tensor";
import { type GoldenCase, inputOf } from "../case.ts";

const schema = z.object({
  beta: z.number().positive(),
  learning_rate: z.number().positive(),
  max_grad_norm: z.number().positive(),
  adam_eps: z.number().positive(),
  pairs: z.int().positive(),
  steps: z.int().positive(),
  lora: z.object({
    r: z.int().positive(),
    lora_alpha: z.number().positive(),
    target_modules: z.array(z.string()).min(1),
  }),
});

/** Steps of offline DPO: metrics, the reference's log-probabilities, gradients, parameters at the end. */
export async function dpoSteps(
  golden: GoldenCase,
  runtime: RuntimeOptions,
): Promise<Map<string, Tensor>> {
  const parsed = schema.safeParse(golden.json["config"]);
  if (!parsed.success) {
    throw new InputError(`Cannot use ${golden.folder}/case.json: ${z.prettifyError(parsed.error)}`);
  }
  const config = parsed.data;
  const { r, lora_alpha: loraAlpha, target_modules: targetModules } = config.lora;
  await using session = await openDpo({
    model: join(golden.folder, "model"),
    lora: { r, loraAlpha, loraDropout: 0, targetModules },
    beta: config.beta,
    optimizer: {
      learningRate: config.learning_rate,
      eps: config.adam_eps,
      maxGradNorm: config.max_grad_norm,
    },
    microBatchSize: 3,
    runtime,
  });
  // Restored, not started from: the reference is the adapter switched off.
  const start = readSafetensors(join(golden.folder, "start.safetensors"));
  const params = new Map(
    [...session.params.keys()].map((name) => [name, start.get(name) as Tensor<"float32">]),
  );
  const train = { params, adam: initAdam(params), updates: 0, skipped: 0 };
  session.restore({ train, reference: undefined });
  const found = new Map<string, Tensor>();
  for (let step = 0; step < config.steps; step++) {
    const pairs = pairsOf(golden, step, config.pairs);
    const reference = await session.forward(pairs, { reference: true });
    for (const side of ["chosen", "rejected"] as const) {
      const logps = reference.map((logps) => logps[side]);
      found.set(`step${step}.reference_${side}`, float32([logps.length], logps));
    }
    const gradients = await session.gradients(pairs);
    for (const [name, mean] of Object.entries(gradients.means)) {
      found.set(`step${step}.${name}`, float32([1], [mean]));
    }
    if (step === 0) {
      for (const [name, gradient] of meanGradients(gradients.accumulation)) {
        found.set(`grad.${name}`, gradient);
      }
    }
    session.apply(gradients);
  }
  for (const [name, parameter] of session.params) found.set(name, parameter);
  return found;
}

function pairsOf(golden: GoldenCase, step: number, count: number): PreferencePair[] {
  const ids = (name: string) =>
    Array.from(inputOf(golden, `step${step}.${name}`, "int64").data, Number);
  return Array.from({ length: count }, (_, i) => ({
    query: ids(`query.${i}`),
    chosen: ids(`chosen.${i}`),
    rejected: ids(`rejected.${i}`),
  }));
}
