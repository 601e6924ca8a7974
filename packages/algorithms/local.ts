import { Generator, type PolicyFeeds } from "@decorum/generation";
import {
  type LoraConfig,
  loraScaling,
  openCheckpoint,
  openPolicyModel,
  type PeftAdapter,
  writePeftAdapter,
} from "@decorum/models";
import type { Params } from "@decorum/optim";
import type { RuntimeOptions } from "@decorum/runtime";
import { TextClassifier, type TextClassifierOptions } from "@decorum/scoring";
import { float32, InputError, randomKey, uniforms } from "@decorum/tensor";
import { dataOrder, loadTokenizer } from "@decorum/text";
import type { z } from "zod";
import {
  type GenerationRequest,
  type GenerationSettings,
  type Policy,
  type Prompt,
  type ResponseBatch,
  type Rewards,
  type Rollout,
  type Score,
  type ScoredPair,
  train,
  type TrainStep,
} from "./loop.ts";
import { Learning } from "./learn.ts";
import { type AlgorithmName, type algorithms, pageOf } from "./registry.ts";

/** A policy in this process. It draws as the policy service does, so both give the same responses. */
export class LocalPolicy implements Policy, AsyncDisposable {
  #weights: PolicyFeeds = {};

  private constructor(readonly generator: Generator, readonly lora: LoraConfig) {}

  /** @param folder a Hugging Face folder of the base model */
  static async open(
    folder: string,
    lora: LoraConfig,
    options: { readonly valueHead: boolean; readonly runtime?: RuntimeOptions },
  ): Promise<LocalPolicy> {
    using index = openCheckpoint(folder);
    const { valueHead, runtime } = options;
    const spec = { model: openPolicyModel(folder), index, lora, valueHead };
    return new LocalPolicy(await Generator.create(spec, runtime), lora);
  }

  update(parameters: Params): Promise<void> {
    const lora_scale = float32([], [loraScaling(this.lora)]);
    this.#weights = { ...Object.fromEntries(parameters), lora_scale };
    return Promise.resolve();
  }

  async generate(
    groups: readonly (readonly GenerationRequest[])[],
    settings: GenerationSettings,
  ): Promise<Rollout[][]> {
    const rollouts: Rollout[][] = [];
    for (const group of groups) rollouts.push(await this.#complete(group, settings));
    return rollouts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.generator[Symbol.asyncDispose]();
  }

  async #complete(
    group: readonly GenerationRequest[],
    { sampling, seed, sharePrompts }: GenerationSettings,
  ): Promise<Rollout[]> {
    const prompts = group.map(({ key, ids, maxNewTokens }) => {
      const draws = randomKey(seed, "draw", key);
      return {
        ids,
        minNewTokens: sampling.min_new_tokens,
        maxNewTokens,
        uniforms: (start: number, count: number) => uniforms(draws, start, count),
      };
    });
    const { temperature, top_k: topK, top_p: topP } = sampling;
    const drawn = { doSample: true, temperature, topK, topP };
    const found: Rollout[] = [];
    const pieces = this.generator.generate(prompts, drawn, this.#weights, { sharePrompts });
    for await (const piece of pieces) {
      found[piece.index] = {
        response: piece.tokenIds,
        logprobs: Float32Array.from(piece.logprobs),
        values: Float32Array.from(piece.values ?? []),
        hasEos: piece.finishReason === "eos",
      };
    }
    return found;
  }
}

/** A reward of one's own: a number for each response, in order. */
export type RewardFunction = (
  pairs: readonly ScoredPair[],
) => readonly number[] | Promise<readonly number[]>;

/** A function as rewards. @throws InputError when it does not give one finite number for each response */
export function rewardFunction(score: RewardFunction): Rewards {
  return {
    async score({ pairs }) {
      const scores = await score(pairs);
      const bad = scores.findIndex((one) => !Number.isFinite(one));
      if (scores.length !== pairs.length || bad >= 0) {
        throw new InputError(
          `The reward function answered ${pairs.length} responses with ${scores.length} scores` +
            (bad < 0 ? "" : `, of which number ${bad} is ${scores[bad]}`) +
            ": expected one finite number for each, in order",
        );
      }
      return { results: scores.map((one) => ({ score: one })), version: "" };
    },
  };
}

/** A score with the probability of all other labels: toxicity, where the label is the wanted one. */
export interface LabelScore extends Score {
  readonly otherProbability: number;
}

/** A classifier in this process as rewards: the raw logit of a label for each response. */
export class ClassifierRewards implements Rewards<LabelScore>, AsyncDisposable {
  private constructor(readonly classifier: TextClassifier, readonly label: number) {}

  /** @throws InputError for a folder that is no classifier, or has no such label */
  static async load(
    folder: string,
    label: string,
    options: TextClassifierOptions = {},
  ): Promise<ClassifierRewards> {
    const classifier = await TextClassifier.load(folder, options);
    return new ClassifierRewards(classifier, classifier.labelIndex(label));
  }

  async score({ pairs, groups }: ResponseBatch) {
    const results: LabelScore[] = [];
    for (const group of groups) {
      const scored = await this.texts(group.map((i) => pairs[i]!.response));
      group.forEach((i, at) => results[i] = scored[at]!);
    }
    return { results, version: this.classifier.version };
  }

  /** The same of texts, as one padded batch. */
  async texts(responses: readonly string[]): Promise<LabelScore[]> {
    const items = responses.map((response, i) =>
      this.classifier.encode({ response }, { truncate: true }, `response ${i}`)
    );
    return (await this.classifier.logits(items)).map((row) => {
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - row[this.label]!), 0);
      return { score: row[this.label]!, otherProbability: 1 - 1 / total };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.classifier[Symbol.asyncDispose]();
  }
}

/** A run in one process. */
export interface LocalOptions<Name extends AlgorithmName, S extends Score> {
  /** A Hugging Face folder of the policy's base model, with its tokenizer. */
  readonly model: string;
  readonly algorithm: Name;
  /** Under TRL's names; what is left out has its default. */
  readonly settings: z.input<(typeof algorithms)[Name]["settings"]>;
  readonly lora: LoraConfig;
  /** Texts, or texts with what a reward is told of them. */
  readonly prompts: readonly (string | Omit<Prompt, "ids">)[];
  readonly rewards: Rewards<S>;
  /** The adapter that training starts from; a new one by default. */
  readonly start?: Pick<PeftAdapter, "parameters" | "valueHead">;
  /** Decides everything that is drawn; default 0. */
  readonly seed?: number;
  /** Prompts of a padded batch; default 8. */
  readonly groupSize?: number;
  readonly runtime?: RuntimeOptions;
}

/** Training in one process, without services. */
export class LocalTraining<S extends Score = Score> implements AsyncDisposable {
  private constructor(
    readonly learning: Learning,
    readonly policy: LocalPolicy,
    readonly steps: () => AsyncGenerator<TrainStep<S>>,
  ) {}

  /** @throws InputError naming what does not fit */
  static async open<Name extends AlgorithmName, S extends Score = Score>(
    options: LocalOptions<Name, S>,
  ): Promise<LocalTraining<S>> {
    const { model, lora, start, rewards, seed = 0, runtime = {}, groupSize = 8 } = options;
    const algorithm = pageOf(options.algorithm).open(options.settings);
    const { valueHead } = algorithm;
    const tokenizer = loadTokenizer(model);
    const prompts = options.prompts.map((given) => {
      const prompt = typeof given === "string" ? { text: given } : given;
      return { ...prompt, ids: tokenizer.encode(prompt.text).ids };
    });
    const order = dataOrder(prompts.length, seed);
    await using opened = new AsyncDisposableStack();
    const learning = opened.use(
      await Learning.open(algorithm, { model, lora, start, seed, runtime }),
    );
    const policy = opened.use(await LocalPolicy.open(model, lora, { valueHead, runtime }));
    opened.move();
    return new LocalTraining(learning, policy, () =>
      train({
        ...{ learning, policy, rewards, prompts, order, tokenizer, seed, groupSize },
      }));
  }

  /** Writes the adapter as it is now as a PEFT folder, the value head beside it. */
  save(folder: string): void {
    const { learner, options: { lora, model } } = this.learning;
    const { adapter: parameters, valueHead } = learner;
    const adapter = { config: lora, parameters, ...(valueHead && { valueHead }) };
    writePeftAdapter(folder, adapter, { base: model });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.policy[Symbol.asyncDispose]();
    await this.learning[Symbol.asyncDispose]();
  }
}
