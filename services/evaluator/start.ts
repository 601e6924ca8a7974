import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { defaultCacheDir } from "@decorum/models";
import { Terms } from "@decorum/rewards";
import { ConfigError, type EvaluatorConfig } from "@decorum/settings";
import { createClient, evaluatorService, implement, rewardService } from "@decorum/rpc";
import { Judge, onnxFolder, TextClassifier } from "@decorum/scoring";
import {
  callSecurity,
  localSource,
  type ServiceContext,
  type StartedService,
} from "@decorum/service";
import type { Logger, Metrics } from "@decorum/telemetry";
import { evaluatorHandlers, type LoadedEvaluator } from "./service.ts";
import { classifierToxicity, judgeToxicity } from "./toxicity.ts";

/** The evaluator service, its models not yet loaded. */
export function startEvaluator(
  { config, logger, metrics }: Omit<ServiceContext<EvaluatorConfig>, "security">,
): StartedService {
  const loaded = Promise.withResolvers<LoadedEvaluator>();
  loaded.promise.catch(() => {});
  const owned = new AsyncDisposableStack();
  const handlers = evaluatorHandlers({ config, loaded: loaded.promise, logger, metrics });
  return {
    services: [implement(evaluatorService, handlers)],
    async load() {
      try {
        const classifier = owned.use(await loadClassifier(config, logger));
        const judge = config.judge &&
          owned.use(await loadJudge(config, config.judge, logger));
        const terms = openTerms(config, owned, logger, metrics);
        logger.info("models loaded", {
          toxicity: classifier.name,
          toxicity_version: classifier.version,
          judge: judge?.name ?? null,
          rewards: terms?.configs.map(({ name }) => name) ?? [],
        });
        loaded.resolve({
          terms,
          toxicity: classifierToxicity(classifier, config.toxicity.label, config.batch),
          judge: judge === null || config.judge === null ? undefined : {
            name: `${judge.name} ${judge.version.slice(0, 12)}`,
            toxicity: judgeToxicity(judge, config.judge.label, config.batch),
          },
        });
      } catch (error) {
        await owned.disposeAsync();
        loaded.reject(error);
        throw error;
      }
    },
    async stop() {
      await owned.disposeAsync();
    },
  };
}

/** The terms that are measured; undefined where the configuration has none. @throws InputError naming the term */
function openTerms(
  config: EvaluatorConfig,
  owned: AsyncDisposableStack,
  logger: Logger,
  metrics: Metrics,
): Terms | undefined {
  if (config.rewards === null || config.rewards.length === 0) return undefined;
  const security = callSecurity(config, "evaluator", { logger, metrics });
  // What a service may write to, for the files of processes that run code.
  const folder = dirname(defaultCacheDir());
  mkdirSync(folder, { recursive: true });
  const clientOf = (address: string | null) => {
    if (address === null) throw new Error("internal: the settings let a term without a service in");
    return owned.use(createClient(rewardService, { ...security("reward"), metrics, address }));
  };
  return owned.use(Terms.open(config.rewards, { clientOf, groupSize: config.batch, folder }));
}

async function loadClassifier(config: EvaluatorConfig, logger: Logger): Promise<TextClassifier> {
  const { model, label } = config.toxicity;
  const { path, pinned } = await localSource(model, config, logger);
  const classifier = await TextClassifier.load(path, {
    ...(pinned === model ? {} : { name: pinned }),
    runtime: {
      executionProvider: config.provider,
      precision: config.precision,
      intraOpThreads: config.threads,
    },
  });
  return await withLabel(classifier, "toxicity", model, label);
}

async function loadJudge(
  config: EvaluatorConfig,
  { model, label }: { readonly model: string; readonly label: string },
  logger: Logger,
): Promise<Judge> {
  const { path, pinned } = await localSource(model, config, logger, "onnx");
  const folder = await onnxFolder(path, pinned === model ? {} : { name: pinned });
  return await withLabel(
    await Judge.load(folder, { threads: config.threads }),
    "judge",
    model,
    label,
  );
}

/** The model, if it has the label that the configuration names; else it is freed. */
async function withLabel<M extends TextClassifier | Judge>(
  loaded: M,
  section: string,
  model: string,
  label: string,
): Promise<M> {
  if (loaded.labels.includes(label)) return loaded;
  if (loaded instanceof Judge) loaded.terminate();
  else await loaded[Symbol.asyncDispose]();
  const labels = loaded.labels.map((name) => `"${name}"`).join(", ");
  throw new ConfigError([
    `evaluator.${section}.label is "${label}": expected a label of ${model}, which has ${labels}`,
  ]);
}
