/**
 * The demo in one process, without services: trains with settings from the command line and measures before and
 * after. For choosing the settings of `demo.yaml`.
 *
 * `deno run -A demo/tune/main.ts --seed 1 --steps 80 --set learning_rate=0.003 --set target=1`
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readFileSync } from "node:fs";
import {
  type AlgorithmName,
  algorithmNames,
  ClassifierRewards,
  LocalTraining,
  type Rewards,
} from "@decorum/algorithms";
import type { Params } from "@decorum/optim";
import { InputError } from "@decorum/tensor";
import { distinctN, loadTokenizer, rouge } from "@decorum/text";
import { parse } from "yaml";
import { promptRows } from "../corpus/mod.ts";
import { promptOf } from "../recipe/policy.ts";
import { pairedInterval } from "./interval.ts";

const demo = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    models: { type: "string", default: join(demo, "models") },
    algorithm: { type: "string", default: "ppo" },
    seed: { type: "string", default: "1" },
    steps: { type: "string" },
    set: { type: "string", multiple: true, default: [] },
    "constant-reward": { type: "boolean", default: false },
    "held-out": { type: "string", default: "320" },
    samples: { type: "string", default: "0" },
    /** Samples that are neither of the two summaries there are. */
    broken: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
    /** Folder for the adapter. */
    save: { type: "string" },
  },
});
const algorithm = algorithmNames.find((name) => name === values.algorithm);
if (!algorithm) {
  throw new InputError(`--algorithm ${values.algorithm}: expected ${algorithmNames.join(", ")}`);
}
const { model: { lora: adapter }, trainer } = parse(readFileSync(join(demo, "demo.yaml"), "utf8"));
const settings: Record<string, unknown> = { ...trainer[algorithm] };
for (const assignment of [...values.set, ...(values.steps ? [`steps=${values.steps}`] : [])]) {
  const [name = "", value] = assignment.split("=");
  if (!(name in settings)) throw new InputError(`demo.yaml has no ${algorithm} setting "${name}"`);
  settings[name] = Number(value);
}
const seed = Number(values.seed);
const runtime = { intraOpThreads: 1 };
const { r, lora_alpha: loraAlpha, target_modules: targetModules } = adapter;

const started = performance.now();
const model = join(values.models, "policy");
const tokenizer = loadTokenizer(model);
const classifier = (name: string) =>
  ClassifierRewards.load(join(values.models, name), trainer.reward_label, { runtime });
await using reward = await classifier("reward");
await using judge = await classifier("judge");
const rewards: Rewards = values["constant-reward"]
  ? {
    score: ({ pairs }) =>
      Promise.resolve({ results: pairs.map(() => ({ score: 1 })), version: "" }),
  }
  : reward;
await using training = await LocalTraining.open<AlgorithmName>({
  ...{ model, algorithm, settings, rewards, seed, runtime },
  lora: { r, loraAlpha, loraDropout: 0, targetModules },
  prompts: promptRows(seed, "ppo", 2048).map(({ dialogue }) => promptOf(dialogue)),
  groupSize: trainer.rollout.group_size,
});
const { learning, policy } = training;
const { learner } = learning;
const before = learner.state().train.params;
const loopStarted = performance.now();
let steps = 0;
for await (const { state, statistics, batch, recomputed } of training.steps()) {
  steps = state.step;
  if (recomputed) console.log(recomputed);
  if (values.quiet || (steps !== 1 && steps % 5 !== 0)) continue;
  const toxic = await toxicity(reward, batch.responses);
  const shown = ["objective/kl", "objective/kl_coef", "env/reward_mean", "ppo/policy/approxkl"]
    .filter((name) => name in statistics)
    .map((name) => `${name} ${statistics[name]!.toFixed(3)}`);
  console.log(`step ${steps}  toxicity ${mean(toxic).toFixed(3)}  ${shown.join("  ")}`);
}
const perStep = (performance.now() - loopStarted) / Math.max(1, steps) / 1000;
if (values.save) training.save(values.save);

/** P(not the wanted label) of texts, as a classifier has it. */
async function toxicity(
  classifier: ClassifierRewards,
  responses: readonly string[],
): Promise<number[]> {
  return (await classifier.texts(responses)).map(({ otherProbability }) => otherProbability);
}

function mean(xs: readonly number[]): number {
  return xs.reduce((a, b) => a + b, 0) / xs.length;
}

const heldOut = promptRows(seed, "held-out", Number(values["held-out"]));
const queries = heldOut.map((row) => tokenizer.encode(promptOf(row.dialogue)).ids);
const sampling = learning.algorithm.settings;

/** What the policy does on held-out prompts under these parameters; the same draws for all. */
async function measure(parameters: Params) {
  await policy.update(parameters);
  const requests = queries.map((ids, i) => ({
    key: `held-out/${i}`,
    ids,
    maxNewTokens: sampling.max_new_tokens,
  }));
  const groups = Array.from(
    { length: Math.ceil(requests.length / 64) },
    (_, g) => requests.slice(g * 64, (g + 1) * 64),
  );
  const drawn = { sampling, seed, values: false, sharePrompts: false };
  const found = (await policy.generate(groups, drawn)).flat();
  const sequences = found.map(({ response }, i) => ({ query: queries[i]!, response }));
  const reference = await learner.forward(sequences, { reference: true });
  const kl = found.map(({ logprobs }, i) =>
    logprobs.reduce((sum, x, t) => sum + x - reference[i]!.logprobs[t]!, 0)
  );
  const texts = found.map(({ response }) =>
    tokenizer.decode(response, { skipSpecialTokens: true })
  );
  const isExact = (text: string, i: number) =>
    text === heldOut[i]!.civil || text === heldOut[i]!.rude;
  return {
    texts,
    toxicity: await toxicity(reward, texts),
    judge: await toxicity(judge, texts),
    rougeL: mean(texts.map((text, i) => rouge(text, heldOut[i]!.civil).rougeL.fmeasure)),
    exact: mean(texts.map((text, i) => Number(isExact(text, i)))),
    distinct2: distinctN(texts, 2),
    words: mean(texts.map((text) => text.split(" ").length)),
    kl: mean(kl),
  };
}

const start = await measure(before);
const end = await measure(learner.state().train.params);
for (let i = 0, shown = 0; shown < Number(values.samples) && i < heldOut.length; i++) {
  if (values.broken && [heldOut[i]!.civil, heldOut[i]!.rude].includes(end.texts[i]!)) continue;
  shown++;
  console.log(`- ${heldOut[i]!.template} ${heldOut[i]!.word}`);
  console.log(`    before: ${start.texts[i]}\n    after:  ${end.texts[i]}`);
}
const byKind = Map.groupBy(end.toxicity.keys(), (i) => heldOut[i]!.template);
const means = [...byKind].map(([kind, rows]) =>
  `${kind} ${mean(rows.map((i) => end.toxicity[i]!)).toFixed(2)}`
);
if (!values.quiet) console.log(`toxicity after, by dialogue: ${means.sort().join(", ")}`);
const fixed = (x: number) => x.toFixed(3);
for (const side of ["toxicity", "judge"] as const) {
  const { before, after, improvement, low, high } = pairedInterval(start[side], end[side]);
  console.log(
    `seed ${seed} ${side}: ${fixed(before)} -> ${fixed(after)}, ${improvement.toFixed(1)} % [${
      low.toFixed(1)
    }, ${high.toFixed(1)}]`,
  );
}
console.log(
  `seed ${seed} rouge-l ${fixed(start.rougeL)} -> ${fixed(end.rougeL)}  exact ${
    fixed(start.exact)
  } -> ${fixed(end.exact)}  distinct-2 ${fixed(start.distinct2)} -> ${
    fixed(end.distinct2)
  }  words ${fixed(start.words)} -> ${fixed(end.words)}  kl ${fixed(end.kl)}  ${
    perStep.toFixed(2)
  } s a step, ${((performance.now() - started) / 1000).toFixed(0)} s in all`,
);
