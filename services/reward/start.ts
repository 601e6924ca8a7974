import { existsSync, realpathSync } from "node:fs";
import { basename, resolve } from "node:path";
import { ConfigError } from "@decorum/config";
import {
  implement,
  inferenceService,
  rewardAdminService,
  rewardService,
  teiInfoService,
  teiPredictService,
} from "@decorum/rpc";
import { TextClassifier } from "@decorum/scoring";
import type { ServiceContext, StartedService } from "@decorum/service";
import type { RewardConfig } from "./config.ts";
import { inferenceHandlers } from "./doors/inference.ts";
import { rewardAdminHandlers, rewardHandlers } from "./doors/reward.ts";
import { Streams } from "./doors/streams.ts";
import { teiInfoHandlers, teiPredictHandlers } from "./doors/tei.ts";
import { LiveClassifier } from "./live_classifier.ts";
import { ScoringDesk } from "./scoring_desk.ts";
import { ScoringEngine } from "./scoring_engine.ts";

/** The reward service, its model not yet loaded. */
export function startReward(
  { config, logger, metrics }: ServiceContext<RewardConfig>,
): StartedService {
  const { limits, batching } = config;
  const engine = new ScoringEngine({
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
  const live = new LiveClassifier({ load: () => loadClassifier(config), engine, logger, metrics });
  const desk = new ScoringDesk(config, live, engine);
  const streams = new Streams(limits, metrics);
  return {
    services: [
      implement(rewardService, rewardHandlers(desk, streams)),
      implement(rewardAdminService, rewardAdminHandlers(desk)),
      implement(inferenceService, inferenceHandlers(desk, streams)),
      implement(teiInfoService, teiInfoHandlers(desk)),
      implement(teiPredictService, teiPredictHandlers(desk, streams)),
    ],
    async load() {
      await live.start();
      const classifier = await live.current;
      logger.info("model loaded", {
        model: classifier.name,
        model_version: classifier.version,
        labels: classifier.labels,
        default_label: config.label,
        max_tokens: classifier.maxTokens,
      });
    },
    async stop() {
      await engine.stop();
      await live.stop();
    },
  };
}

/**
 * Loads what the configured folder holds now and runs it once.
 *
 * @throws ConfigError for a default label that it lacks; Error for logits that are not finite; as `TextClassifier.load`
 */
async function loadClassifier(
  { model, label, max_length, provider, precision, threads }: RewardConfig,
): Promise<TextClassifier> {
  // A link may lead elsewhere later: a model whose thread ended is loaded again from where it was.
  const folder = existsSync(model) ? realpathSync(model) : model;
  const classifier = await TextClassifier.load(folder, {
    name: basename(resolve(model)),
    runtime: { executionProvider: provider, precision, intraOpThreads: threads },
    ...(max_length === null ? {} : { maxTokens: max_length }),
  });
  try {
    if (label !== null && !classifier.labels.includes(label)) {
      const labels = classifier.labels.map((name) => `"${name}"`).join(", ");
      throw new ConfigError([
        `reward.label is "${label}": expected a label of ${model}, which has ${labels}`,
      ]);
    }
    const item = classifier.encode({ response: "a" }, { truncate: false }, "the first text");
    const [logits] = await classifier.logits([item]);
    if (logits?.every(Number.isFinite)) return classifier;
    throw new Error(
      `Cannot serve the classifier ${folder}: its logits of a first text are ${logits?.join(", ")}`,
    );
  } catch (error) {
    await classifier[Symbol.asyncDispose]();
    throw error;
  }
}
