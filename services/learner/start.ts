import { basename } from "node:path";
import { baseModelHash, openCheckpoint } from "@decorum/models";
import { implement, learnerService } from "@decorum/rpc";
import { arithmeticOf, type RuntimeOptions } from "@decorum/runtime";
import { exitCodes, localSource, type ServiceContext, type StartedService } from "@decorum/service";
import type { LearnerConfig } from "@decorum/settings";
import { Learner } from "./learner.ts";
import { learnerHandlers } from "./service.ts";

/** The learner service, its model not yet looked at. */
export function startLearner(
  { config, logger, metrics }: Omit<ServiceContext<LearnerConfig>, "security">,
): StartedService {
  const loading = Promise.withResolvers<Learner>();
  loading.promise.catch(() => {});
  return {
    services: [
      implement(learnerService, learnerHandlers({ learner: loading.promise, logger, metrics })),
    ],
    async load() {
      const { path } = await localSource(config.model.name_or_path, config, logger);
      const runtime: RuntimeOptions = {
        executionProvider: config.provider,
        precision: config.model.precision,
        ...(config.threads > 0 ? { intraOpThreads: config.threads } : {}),
      };
      using checkpoint = openCheckpoint(path);
      const files = new Map(checkpoint.files.map((file) => [basename(file), file]));
      const hash = await baseModelHash(path);
      const arithmetic = await arithmeticOf(runtime);
      loading.resolve(new Learner({ files, baseModelHash: hash, runtime, arithmetic }));
      logger.info("model found", { model: path, base_model_hash: hash, ...arithmetic });
    },
    // It has no end of its own. With 0 a Kubernetes Job would take its part for done, and start no other in its place.
    drainedCode: exitCodes.interrupted,
    async stop() {
      await (await loading.promise)[Symbol.asyncDispose]();
    },
  };
}
