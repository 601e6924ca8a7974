/**
 * The demo in one process, without services: trains by PPO with settings from the command line and measures
 * before and after. For choosing the settings of `demo.yaml`.
 *
 * `deno run -A demo/tune/main.ts --seed 1 --steps 80 --set learning_rate=0.003 --set target=1`
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readFileSync } from "node:fs";
import { PpoLearner, ppoStep, type PpoStepConfig } from "@decorum/algorithms";
import { loraScaling } from "@decorum/models";
import { clipScores, emptyMoments, klController, normalizeScores } from "@decorum/algorithms";
import { linearSchedule } from "@decorum/optim";
import { float32, InputError, permutation, randomKey } from "@decorum/tensor";
import { dataOrder, distinctN, rouge } from "@decorum/text";
import { parse } from "yaml";
import { promptRows } from "../corpus/mod.ts";
import { promptOf } from "../recipe/policy.ts";
import { openPolicy, sampleResponses } from "./policy.ts";
import { openScorer } from "./scorer.ts";
import { pairedInterval } from "./interval.ts";

const demo = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    models: { type: "string", default: join(demo, "models") },
    seed: { type: "string", default: "1" },
    steps: { type: "string" },
    set: { type: "string", multiple: true, default: [] },
    "constant-reward": { type: "boolean", default: false },
    "held-out": { type: "string", default: "320" },
    /** As the services do: log-probabilities of every rollout, the first ones too. */
    "rollout-logprobs": { type: "boolean", default: false },
    samples: { type: "string", default: "0" },
    /** Samples that are neither of the two summaries there are. */
    broken: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
  },
});
const { model: { lora: adapter }, trainer } = parse(readFileSync(join(demo, "demo.yaml"), "utf8"));
const settings: Record<string, number> = { ...trainer.ppo, ...adapter };
for (const assignment of values.set) {
  const [name = "", value] = assignment.split("=");
  if (!(name in settings)) throw new InputError(`demo.yaml has no PPO setting "${name}"`);
  settings[name] = Number(value);
}
const of = (name: string) => {
  const found = settings[name];
  if (typeof found === "number") return found;
  throw new InputError(`setting "${name}" is ${found}; expected a number`);
};
const seed = Number(values.seed);
const steps = Number(values.steps ?? of("steps"));
const runtime = { intraOpThreads: 1 };
const lora = {
  r: of("r"),
  loraAlpha: of("lora_alpha"),
  loraDropout: 0,
  targetModules: adapter.target_modules as string[],
};
const batchSize = of("batch_size");
const maxNewTokens = of("max_new_tokens");

const started = performance.now();
const model = join(values.models, "policy");
const policy = await openPolicy(model, lora, runtime);
const reward = await openScorer(join(values.models, "reward"), runtime);
const judge = await openScorer(join(values.models, "judge"), runtime);
await using learner = await PpoLearner.create({
  model,
  lora,
  seed,
  loss: {
    cliprange: of("cliprange"),
    cliprangeValue: of("cliprange_value"),
    vfCoef: of("vf_coef"),
  },
  optimizer: {
    learningRate: of("learning_rate"),
    maxGradNorm: of("max_grad_norm"),
    schedule: trainer.ppo.lr_scheduler_type === "constant" ? () => 1 : linearSchedule({
      totalSteps: steps * of("ppo_epochs") * Math.ceil(batchSize / of("mini_batch_size")),
    }),
  },
  microBatchSize: of("micro_batch_size"),
  runtime,
});
const weights = (scale = loraScaling(lora)) => ({
  ...Object.fromEntries(learner.adapter),
  ...Object.fromEntries(learner.valueHead ?? []),
  lora_scale: float32([], [scale]),
});
const encode = (dialogue: string) => policy.tokenizer.encode(promptOf(dialogue)).ids;
const prompts = promptRows(seed, "ppo", 2048);
const queries = prompts.map((row) => encode(row.dialogue));
const order = dataOrder(prompts.length, seed);
const step: PpoStepConfig = {
  miniBatchSize: of("mini_batch_size"),
  ppoEpochs: of("ppo_epochs"),
  klKind: "kl",
  gamma: of("gamma"),
  lam: of("lam"),
  temperature: 1,
};
/**
 * Whether the policy still is the reference. Then both sides of the KL come from one graph, so that it is 0 to
 * the bit: a constant reward gives advantages of 0, and not rounding errors that whitening makes large.
 */
const isUntouched = (params: ReadonlyMap<string, { readonly data: ArrayLike<number> }>) =>
  [...params].every(([name, { data }]) =>
    name.endsWith(".lora_A.weight") || Array.from(data).every((x) => x === 0)
  );
let moments = emptyMoments;
let kl: Parameters<typeof ppoStep>[3] = klController({
  kind: "adaptive",
  value: of("init_kl_coef"),
  target: of("target"),
  horizon: of("horizon"),
});
const loopStarted = performance.now();
for (let n = 0; n < steps; n++) {
  const chosen = order.batchAt(n, batchSize).map((row) => queries[row]!);
  const responses = await sampleResponses(policy, chosen, weights(), {
    seed,
    label: `rollout ${n}`,
    maxNewTokens,
  });
  const verdicts = await reward.score(responses.map((r) => r.text));
  const raw = verdicts.map((v) => values["constant-reward"] ? 1 : v.score);
  const normal = normalizeScores(float32([batchSize], raw), moments, "norm");
  moments = normal.moments;
  const scores = clipScores(normal.scores, of("score_clip"));
  const result = await ppoStep(
    learner,
    {
      sequences: responses.map((r, i) => ({ query: chosen[i]!, response: r.ids })),
      scores: [...scores.data],
      envRewards: raw,
      ...(!values["rollout-logprobs"] && isUntouched(learner.state().train.params)
        ? {}
        : { rollout: responses }),
    },
    step,
    kl,
    (epoch) => permutation(randomKey(seed, "minibatches", n, epoch), batchSize),
  );
  kl = result.klController;
  if (result.recomputed) console.log(result.recomputed);
  if (!values.quiet && (n % 5 === 4 || n === 0)) {
    const toxicity = verdicts.reduce((sum, v) => sum + v.toxicity, 0) / batchSize;
    const stat = (name: keyof typeof result.stats) => Number(result.stats[name]).toFixed(3);
    console.log(
      `step ${n + 1}  toxicity ${toxicity.toFixed(3)}  kl ${stat("objective/kl")}  coef ${
        stat("objective/kl_coef")
      }  clipfrac ${stat("ppo/policy/clipfrac")}  approxkl ${
        stat("ppo/policy/approxkl")
      }  explained ${stat("ppo/val/var_explained")}`,
    );
  }
}
const perStep = (performance.now() - loopStarted) / Math.max(1, steps) / 1000;

const heldOut = promptRows(seed, "held-out", Number(values["held-out"]));
const measured = await Promise.all([0, loraScaling(lora)].map(async (scale) => {
  const texts: string[] = [];
  let klSum = 0;
  const rows = heldOut.map((row) => encode(row.dialogue));
  for (let start = 0; start < rows.length; start += 64) {
    const group = rows.slice(start, start + 64);
    const found = await sampleResponses(policy, group, weights(scale), {
      seed,
      label: `evaluation ${start}`,
      maxNewTokens,
    });
    const sequences = found.map((r, i) => ({ query: group[i]!, response: r.ids }));
    const reference = await learner.forward(sequences, { reference: true });
    found.forEach((r, i) =>
      r.logprobs.forEach((lp, t) => klSum += lp - reference[i]!.logprobs[t]!)
    );
    texts.push(...found.map((r) => r.text));
  }
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
  return {
    texts,
    toxicity: (await reward.score(texts)).map((v) => v.toxicity),
    judge: (await judge.score(texts)).map((v) => v.toxicity),
    rougeL: mean(texts.map((text, i) => rouge(text, heldOut[i]!.civil).rougeL.fmeasure)),
    exact: mean(texts.map((t, i) => t === heldOut[i]!.civil || t === heldOut[i]!.rude ? 1 : 0)),
    distinct2: distinctN(texts, 2),
    words: mean(texts.map((text) => text.split(" ").length)),
    kl: klSum / rows.length,
  };
}));
const [before, after] = measured as [typeof measured[0], typeof measured[0]];
for (let i = 0, shown = 0; shown < Number(values.samples) && i < heldOut.length; i++) {
  if (values.broken && [heldOut[i]!.civil, heldOut[i]!.rude].includes(after.texts[i]!)) continue;
  shown++;
  console.log(`- ${heldOut[i]!.template} ${heldOut[i]!.word}`);
  console.log(`    before: ${before.texts[i]}\n    after:  ${after.texts[i]}`);
}
const byKind = new Map<string, number[]>();
heldOut.forEach((row, i) => {
  const kind = row.template;
  byKind.set(kind, [...byKind.get(kind) ?? [], after.toxicity[i]!]);
});
const means = [...byKind].map(([kind, xs]) =>
  `${kind} ${(xs.reduce((a, b) => a + b, 0) / xs.length).toFixed(2)}`
);
if (!values.quiet) console.log(`toxicity after, by dialogue: ${means.sort().join(", ")}`);
const fixed = (x: number) => x.toFixed(3);
for (const side of ["toxicity", "judge"] as const) {
  const { before: b, after: a, improvement, low, high } = pairedInterval(before[side], after[side]);
  console.log(
    `seed ${seed} ${side}: ${fixed(b)} -> ${fixed(a)}, ${improvement.toFixed(1)} % [${
      low.toFixed(1)
    }, ${high.toFixed(1)}]`,
  );
}
console.log(
  `seed ${seed} rouge-l ${fixed(before.rougeL)} -> ${fixed(after.rougeL)}  exact ${
    fixed(before.exact)
  } -> ${fixed(after.exact)}  distinct-2 ${fixed(before.distinct2)} -> ${
    fixed(after.distinct2)
  }  words ${fixed(before.words)} -> ${fixed(after.words)}  kl ${fixed(after.kl)} (target ${
    of("target")
  })  ${perStep.toFixed(2)} s a step, ${
    ((performance.now() - started) / 1000).toFixed(0)
  } s in all`,
);
await policy.generator[Symbol.asyncDispose]();
await reward.release();
await judge.release();
