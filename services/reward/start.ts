import { ConfigError } from "@decorum/config";
import { implement, rewardService } from "@decorum/rpc";
import { TextClassifier } from "@decorum/scoring";
import type { ServiceContext, StartedService } from "@decorum/service";
import type { RewardConfig } from "./config.ts";
import { ScoringEngine } from "./scoring_engine.ts";
import { type LoadedReward, rewardHandlers } from "./service.ts";

/** The reward service, its model not yet loaded. */
export function startReward(
  { config, logger, metrics }: ServiceContext<RewardConfig>,
): StartedService {
  const loaded = Promise.withResolvers<LoadedReward>();
  loaded.promise.catch(() => {});
  return {
    services: [implement(rewardService, rewardHandlers(config, loaded.promise))],
    async load() {
      try {
        const classifier = await loadClassifier(config);
        const { limits, batching } = config;
        const engine = new ScoringEngine({
          model: classifier,
          logger,
          metrics,
          limits: {
            maxItems: batching.max_items,
            maxTokens: batching.max_tokens,
            maxDelayMs: batching.max_delay_ms,
            maxQueuedItems: limits.max_queue_items,
            maxQueuedTokens: limits.max_queue_tokens,
          },
        });
        logger.info("model loaded", {
          model: classifier.name,
          model_version: classifier.version,
          labels: classifier.labels,
          default_label: config.label,
          max_tokens: classifier.maxTokens,
        });
        loaded.resolve({ classifier, engine });
      } catch (error) {
        loaded.reject(error);
        throw error;
      }
    },
    async stop() {
      await (await loaded.promise).engine.stop();
    },
  };
}

async function loadClassifier(config: RewardConfig): Promise<TextClassifier> {
  const classifier = await TextClassifier.load(config.model, {
    runtime: {
      executionProvider: config.provider,
      precision: config.precision,
      intraOpThreads: config.threads,
    },
    ...(config.max_length === null ? {} : { maxTokens: config.max_length }),
  });
  if (config.label === null || classifier.labels.includes(config.label)) return classifier;
  await classifier[Symbol.asyncDispose]();
  const labels = classifier.labels.map((label) => `"${label}"`).join(", ");
  throw new ConfigError([
    `reward.label is "${config.label}": expected a label of ${config.model}, which has ${labels}`,
  ]);
}
