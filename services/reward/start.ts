import { existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { ConfigError, type RewardConfig } from "@decorum/settings";
import {
  checkTransport,
  implement,
  inferenceService,
  rewardAdminService,
  rewardService,
  teiInfoService,
  teiPredictService,
} from "@decorum/rpc";
import { TextClassifier } from "@decorum/scoring";
import { LiveModel, watchFolder } from "@decorum/serving";
import { localSource, type ServiceContext, type StartedService } from "@decorum/service";
import type { Logger } from "@decorum/telemetry";
import { type HttpDoor, openHttpDoor } from "./doors/http.ts";
import { inferenceHandlers } from "./doors/inference.ts";
import { rewardAdminHandlers, rewardHandlers } from "./doors/reward.ts";
import { Streams } from "./doors/streams.ts";
import { teiInfoHandlers, teiPredictHandlers } from "./doors/tei.ts";
import { Scorer } from "./scorer.ts";
import { ScoringDesk } from "./scoring_desk.ts";

/** The reward service, its model not yet loaded. */
export function startReward(
  { config, logger, metrics, security }: ServiceContext<RewardConfig>,
): StartedService {
  const { limits, batching, http_listen: httpAddress } = config;
  if (httpAddress !== null) {
    checkTransport("listen on", httpAddress, { tls: security.tls, insecure: config.insecure });
  }
  const live = new LiveModel({
    noun: "classifier",
    load: () => loadClassifier(config, logger),
    logger,
    metrics,
  });
  const scorer = new Scorer<TextClassifier>({
    limits: {
      maxRows: batching.max_items,
      maxTokens: batching.max_tokens,
      maxDelayMs: batching.max_delay_ms,
      counted: "items",
      maxWaiting: limits.max_queue_items,
      maxWaitingTokens: limits.max_queue_tokens,
    },
    retain: (classifier) => live.retain(classifier),
    logger,
    metrics,
  });
  const desk = new ScoringDesk(config, live, scorer);
  const streams = new Streams(limits, scorer.batcher);
  const closers: (() => void)[] = [];
  let http: HttpDoor | undefined;
  return {
    maxMessageBytes: limits.max_request_bytes,
    maxConnections: limits.max_connections,
    services: [
      implement(rewardService, rewardHandlers(desk, streams)),
      implement(rewardAdminService, rewardAdminHandlers(desk)),
      implement(inferenceService, inferenceHandlers(desk, streams)),
      implement(teiInfoService, teiInfoHandlers(desk)),
      implement(teiPredictService, teiPredictHandlers(desk, streams)),
    ],
    async load() {
      if (httpAddress !== null) {
        http = await openHttpDoor({ address: httpAddress, desk, security, logger, metrics });
        logger.info("http", { url: http.url });
      }
      closers.push(...reloads(config, live));
      await live.start();
      const classifier = await live.current();
      logger.info("model loaded", {
        model: classifier.name,
        model_version: classifier.version,
        labels: classifier.labels,
        default_label: config.label,
        max_tokens: classifier.maxTokens,
      });
    },
    draining: () => http?.drain(),
    async stop() {
      for (const close of closers) close();
      await http?.close();
      await scorer.batcher.stop();
      await live.stop();
    },
  };
}

/** What makes the classifier be loaded again: SIGHUP, and a folder that is watched. @returns what ends that */
function reloads({ model, reload }: RewardConfig, live: LiveModel<TextClassifier>): (() => void)[] {
  // A failure is in the log already.
  const again = () => live.reload().then(() => {}, () => {});
  process.on("SIGHUP", again);
  const closers = [() => void process.off("SIGHUP", again)];
  if (!reload.watch) return closers;
  return [
    ...closers,
    watchFolder(model, { intervalMs: reload.interval_s * 1000, onChange: again }),
  ];
}

/**
 * Loads what the configured folder holds now and runs it once.
 *
 * @throws ConfigError for a default label that it lacks; Error for logits that are not finite; as `TextClassifier.load`
 */
async function loadClassifier(config: RewardConfig, logger: Logger): Promise<TextClassifier> {
  const { model, label, max_length, provider, precision, int8_max_difference, threads } = config;
  const { path, pinned } = await localSource(model, config, logger);
  // A link may lead elsewhere later: a model whose thread ended is loaded again from where it was.
  const folder = existsSync(path) ? realpathSync(path) : path;
  const classifier = await TextClassifier.load(folder, {
    name: pinned === model ? basename(path) : pinned,
    runtime: { executionProvider: provider, precision, intraOpThreads: threads },
    maxInt8Difference: int8_max_difference,
    ...(max_length === null ? {} : { maxTokens: max_length }),
  });
  if (classifier.agreement) {
    const { texts, maxDifference, meanDifference, spread, sameLabel } = classifier.agreement;
    logger.info("int8 compared with fp32", {
      model_version: classifier.version,
      texts,
      max_difference: maxDifference,
      mean_difference: meanDifference,
      range: spread,
      same_label: sameLabel,
    });
  }
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
