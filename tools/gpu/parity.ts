import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Generator, type Prompt } from "@decorum/generation";
import { ppo } from "@decorum/algorithms";
import { PolicyLearner } from "@decorum/learning";
import {
  initAdapter,
  initValueHead,
  loraScaling,
  openCheckpoint,
  openPolicyModel,
} from "@decorum/models";
import type { RuntimeOptions } from "@decorum/runtime";
import { float32, type Precision, randomKey, type Tensor, uniforms } from "@decorum/tensor";
import { readCase } from "../golden/case.ts";
import { kinds } from "../golden/kinds.ts";
import { caseFolders, describe, runCase } from "../golden/runner.ts";

/** One comparison with what is known to be right. */
export interface Check {
  readonly name: string;
  readonly precision: Precision;
  /** Largest error found; NaN where it could not be computed. */
  readonly error: number;
  readonly limit: number;
  readonly ok: boolean;
  /** Why it failed. */
  readonly problem?: string;
}

const golden = fileURLToPath(new URL("../../tests/golden", import.meta.url));

/** Another device sums in another order. */
const FP32_TOLERANCE = 1e-3;

/**
 * Largest error of a logit over the largest logit. The limit is 1e-2; the models of the golden cases are
 * random and of width 32, where transformers in bf16 is 3.4e-2 from its own fp32.
 */
const logitLimit = { fp16: 1e-2, bf16: 3e-2 } as const;

/** What `|ratio - 1|` may be before the first update. */
const ratioLimit: Readonly<Record<Precision, number>> = { fp32: 1e-3, fp16: 1e-2, bf16: 1e-2 };

/** Parity with PyTorch's recorded results, and between generation and learner, in one precision. */
export async function parityChecks(runtime: RuntimeOptions): Promise<Check[]> {
  const precision = runtime.precision ?? "fp32";
  const checks: Check[] = [];
  for (const folder of caseFolders(golden)) {
    const check = precision === "fp32"
      ? await exactCase(folder, runtime)
      : await logitCase(folder, runtime, precision);
    if (check) checks.push(check);
  }
  checks.push(await firstRatio(join(golden, "t5_lora_grad_flan", "model"), runtime));
  return checks;
}

/** Every expected tensor of a case. */
async function exactCase(folder: string, runtime: RuntimeOptions): Promise<Check> {
  const least = { atol: FP32_TOLERANCE, rtol: FP32_TOLERANCE };
  const result = await runCase(folder, { runtime, least });
  return {
    name: result.name,
    precision: "fp32",
    error: result.comparisons.length === 0
      ? NaN
      : Math.max(...result.comparisons.map((c) => c.error)),
    limit: FP32_TOLERANCE,
    ok: result.ok,
    ...(result.ok ? {} : { problem: describe(result) }),
  };
}

/** The logits of a case that has some. */
async function logitCase(
  folder: string,
  runtime: RuntimeOptions,
  precision: "fp16" | "bf16",
): Promise<Check | undefined> {
  const recorded = readCase(folder);
  const expected = recorded.expected.get("logits");
  if (!expected) return undefined;
  const common = { name: basename(folder), precision, limit: logitLimit[precision] };
  try {
    const found = (await kinds[recorded.kind]!.reproduce(recorded, runtime)).get("logits")!;
    const error = relativeError(found, expected);
    return { ...common, error, ok: error <= common.limit };
  } catch (cause) {
    return { ...common, error: NaN, ok: false, problem: String(cause) };
  }
}

/** Largest difference over the largest expected magnitude. */
export function relativeError(found: Tensor, expected: Tensor): number {
  const [a, b] = [found.data as Float32Array, expected.data as Float32Array];
  const magnitude = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / magnitude;
}

/**
 * Rolls out with the cached decoder and asks the learner for the same tokens: before an update every ratio
 * `exp(logprob - oldLogprob)` is 1, within rounding.
 */
export async function firstRatio(model: string, runtime: RuntimeOptions): Promise<Check> {
  const precision = runtime.precision ?? "fp32";
  const common = { name: "first ratio", precision, limit: ratioLimit[precision] };
  try {
    const error = await ratioError(model, runtime);
    return { ...common, error, ok: error <= common.limit };
  } catch (cause) {
    return { ...common, error: NaN, ok: false, problem: String(cause) };
  }
}

async function ratioError(model: string, runtime: RuntimeOptions): Promise<number> {
  const policy = openPolicyModel(model);
  using index = openCheckpoint(model);
  const lora = { r: 4, loraAlpha: 8, loraDropout: 0, targetModules: ["q", "v"] };
  const adapter = initAdapter(lora, policy.layers, 1);
  const valueHead = initValueHead(policy.config.hidden_size);
  const spec = { model: policy, index, lora, valueHead: true };
  const prompts = Array.from({ length: 4 }, (_, i): Prompt => ({
    ids: [...Array.from({ length: 3 + 4 * i }, (_, j) => 3 + (7 * i + 5 * j) % 80), 1],
    minNewTokens: 16,
    maxNewTokens: 16,
    uniforms: (start, count) => uniforms(randomKey(1, `prompt ${i}`), start, count),
  }));
  const rolled = prompts.map(({ ids }) => ({
    query: ids,
    response: [] as number[],
    logprobs: [] as number[],
  }));
  {
    await using generator = await Generator.create(spec, runtime);
    const weights = {
      ...Object.fromEntries([...adapter, ...valueHead]),
      lora_scale: float32([], [loraScaling(lora)]),
    };
    const sampling = { doSample: true, temperature: 1, topK: 0, topP: 1 };
    // Chunks hand the caches over at the graph's boundary.
    for await (const piece of generator.generate(prompts, sampling, weights, { chunkTokens: 6 })) {
      rolled[piece.index]!.response.push(...piece.tokenIds);
      rolled[piece.index]!.logprobs.push(...piece.logprobs);
    }
  }
  await using learner = await PolicyLearner.create({
    model: { model: policy, index },
    lora,
    adapter,
    valueHead,
    optimizer: { learningRate: 1e-3 },
    runtime,
  }, ppo.open({}));
  const predictions = await learner.forward(rolled);
  return Math.max(
    ...predictions.flatMap(({ logprobs }, i) =>
      Array.from(logprobs, (x, t) => Math.abs(Math.exp(x - rolled[i]!.logprobs[t]!) - 1))
    ),
  );
}
