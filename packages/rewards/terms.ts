import { createHash } from "node:crypto";
import type { TermScores } from "./aggregate.ts";
import { builtinSource } from "./builtin.ts";
import { classifierSource, type RewardClient } from "./classifier.ts";
import { codeSource } from "./code.ts";
import { remoteSource } from "./remote.ts";
import type { RewardTermConfig } from "./settings.ts";
import type { RewardBatch, RewardCall, RewardSource } from "./source.ts";

/** Scores of one term, and what they count. */
export interface ScoredTerm {
  readonly name: string;
  readonly weight: number;
  readonly scores: TermScores;
}

/** What all terms say of a batch. */
export interface ScoredTerms {
  /** In the order of the configuration. */
  readonly terms: readonly ScoredTerm[];
  /** Of the first classifier of which one label is scored; see `SourceScores`. */
  readonly otherProbability: readonly number[] | undefined;
}

export interface TermsOptions {
  /** The client of a reward service; null: the run's own. Called once for each. */
  readonly clientOf: (service: string | null) => RewardClient;
  /** Responses of a request to a reward service. */
  readonly groupSize: number;
  /** A folder for files of processes that run; the system's by default. */
  readonly folder?: string;
}

/** The terms of a reward, open. */
export class Terms implements AsyncDisposable {
  private constructor(
    readonly configs: readonly RewardTermConfig[],
    readonly sources: readonly RewardSource[],
  ) {}

  /** @throws InputError for a term that cannot be used: a file that is missing, plaintext where it is not allowed */
  static open(configs: readonly RewardTermConfig[], options: TermsOptions): Terms {
    const clients = new Map<string | null, RewardClient>();
    const clientOf = (service: string | null) => {
      const client = clients.get(service) ?? options.clientOf(service);
      clients.set(service, client);
      return client;
    };
    return new Terms(configs, configs.map((config) => sourceOf(config, { ...options, clientOf })));
  }

  /**
   * Asks every source whether it can be used: the labels that an expression names, a module that loads. What is away is
   * waited for.
   *
   * @throws RewardError naming the term
   */
  async check(call: RewardCall): Promise<void> {
    await Promise.all(this.sources.map((source) => source.check?.(call)));
  }

  /** Scores of every term, all asked at once. @throws RewardError naming term and response */
  async score(batch: RewardBatch, call: RewardCall): Promise<ScoredTerms> {
    const stop = new AbortController();
    const signal = AbortSignal.any([call.signal, stop.signal]);
    const asked = this.sources.map((source) =>
      source.score(batch, { ...call, signal }).catch((error) => {
        stop.abort(error);
        throw error;
      })
    );
    // All have ended before the first failure is thrown.
    const failed = (await Promise.allSettled(asked)).find(({ status }) => status === "rejected");
    if (failed) throw stop.signal.reason;
    const answers = await Promise.all(asked);
    return {
      terms: this.configs.map(({ name, weight }, i) => ({
        ...{ name, weight },
        scores: answers[i]!.scores,
      })),
      otherProbability: answers.find(({ otherProbability }) => otherProbability)?.otherProbability,
    };
  }

  /**
   * SHA-256 of what decides the scores: settings and the models or modules behind them. One classifier alone has its
   * model's own version, as before there were terms.
   */
  async version(call: RewardCall): Promise<string> {
    const versions = await Promise.all(this.sources.map((source) => source.version(call)));
    if (this.configs.length === 1 && this.configs[0]!.kind === "classifier") return versions[0]!;
    const named = this.configs.map((config, i) => [config.name, config.weight, versions[i]]);
    return createHash("sha256").update(JSON.stringify(named)).digest("hex");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.sources.map((source) => source[Symbol.asyncDispose]()));
  }
}

function sourceOf(
  config: RewardTermConfig,
  { clientOf, groupSize, folder }: TermsOptions,
): RewardSource {
  switch (config.kind) {
    case "classifier":
      return classifierSource(config, { client: clientOf(config.service), groupSize });
    case "code":
      return codeSource(config.name, config, folder);
    case "openrlhf":
    case "inference":
    case "tei":
      return remoteSource(config.name, config);
    default:
      return builtinSource(config);
  }
}
