import { grpo, offsetsOf, rloo, type RolledBatch, tokenKl } from "@decorum/algorithms";
import { float32, type Tensor } from "@decorum/tensor";
import { constantOf, type GoldenCase, inputOf } from "../case.ts";
import { LossSession } from "../loss.ts";

const scales = ["group", "batch", "none"] as const;
const lossTypes = ["grpo", "bnpo", "dr_grpo"] as const;

/** Advantages and losses of GRPO and RLOO. */
export async function groupMath(golden: GoldenCase): Promise<Map<string, Tensor>> {
  const of = (name: string) => inputOf(golden, name, "float32");
  const { data: mask, dims: [batch = 0, time = 0] } = of("mask");
  const counted = [...mask.keys()].filter((i) => mask[i] === 1);
  const flat = (name: string) => Float32Array.from(counted, (i) => of(name).data[i]!);
  const lengths = Array.from(
    { length: batch },
    (_, row) => counted.filter((i) => Math.floor(i / time) === row).length,
  );
  const constant = (name: string, otherwise: number) => constantOf(golden, name, otherwise);
  const scores = [...of("scores").data];
  const [logprobs, old, reference] = [flat("logprobs"), flat("old_logprobs"), flat("ref_logprobs")];
  const size = constant("group_size", 4);
  const shared = {
    ...{ batch_size: batch, mini_batch_size: batch },
    ...{ epsilon: constant("epsilon", 0.2), epsilon_high: constant("epsilon_high", 0.28) },
    max_new_tokens: constant("max_new_tokens", 12),
  };
  const rolled: RolledBatch = {
    sequences: lengths.map((length) => ({ query: [0], response: Array<number>(length).fill(0) })),
    offsets: offsetsOf(lengths),
    ...{ scores, hasEos: scores.map(() => true), values: new Float32Array() },
    ...{ logprobs: old, refLogprobs: reference, kl: tokenKl("kl", old, reference) },
    klCoef: constant("beta", 0.1),
  };
  const found = new Map<string, Tensor>();
  const put = (name: string, values: ArrayLike<number>) =>
    found.set(name, float32([values.length], Float32Array.from(values)));

  const grpoSettings = { ...shared, num_generations: size };
  const bnpo = grpo.open(grpoSettings);
  const samplesBy = (scale_rewards: typeof scales[number]) =>
    grpo.open({ ...grpoSettings, scale_rewards }).samples(rolled, scores);
  for (const scale of scales) put(`advantages.${scale}`, samplesBy(scale).map((s) => s.advantage));
  const samples = samplesBy("group");
  await using tokens = await LossSession.open(bnpo);
  for (const loss_type of lossTypes) {
    const context = { all: samples, atReference: false };
    const feeds = grpo.open({ ...grpoSettings, loss_type }).feeds(samples, context);
    const losses = await tokens.run(logprobs, feeds);
    put(`grpo.loss.${loss_type}`, [losses["loss"]!]);
    put("grpo.clip_low", [losses["clip_ratio/low_mean"]!]);
    put("grpo.clip_high", [losses["clip_ratio/high_mean"]!]);
  }
  const parts = float32([batch, time], new Float32Array(batch * time));
  for (const [at, i] of counted.entries()) {
    const { refLogprobs: _, oldLogprobs: __, ...sample } = samples[Math.floor(i / time)]!;
    const one = {
      ...sample,
      oldLogprobs: old.slice(at, at + 1),
      refLogprobs: reference.slice(at, at + 1),
    };
    const feeds = bnpo.feeds([one], { all: [one], atReference: false });
    parts.data[i] = (await tokens.run([logprobs[at]!], feeds))["loss"]!;
  }
  found.set("grpo.tokens", parts);

  const plain = rloo.open({ ...shared, rloo_k: size });
  const scaled = rloo.open({ ...shared, rloo_k: size, normalize_advantages: true });
  const rewards = plain.rewards(rolled);
  const responses = plain.samples(rolled, rewards);
  const normalized = scaled.samples(rolled, rewards);
  await using whole = await LossSession.open(plain);
  const losses = await whole.run(
    logprobs,
    plain.feeds(responses, { all: responses, atReference: false }),
  );
  const alone: number[] = [];
  for (const [i, sample] of responses.entries()) {
    const own = logprobs.slice(rolled.offsets[i], rolled.offsets[i + 1]);
    const feeds = plain.feeds([sample], { all: [sample], atReference: false });
    alone.push((await whole.run(own, feeds))["loss"]!);
  }
  put("rloo.rewards", rewards);
  put("rloo.advantages", responses.map((s) => s.advantage));
  put("rloo.normalized", normalized.map((s) => s.advantage));
  put("rloo.sequences", alone);
  put("rloo.loss", [losses["loss"]!]);
  put("rloo.clip_low", [losses["clip_ratio/low_mean"]!]);
  put("rloo.clip_high", [losses["clip_ratio/high_mean"]!]);
  const { frac_reward_zero_std: share } = bnpo.stepStatistics(rolled, scores);
  return put("frac_reward_zero_std", [share]);
}
