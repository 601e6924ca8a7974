/** A reward service in this process, for tests. */
import { Authorizer, createServer, type RpcServer, type ServerOptions } from "@decorum/rpc";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import type { ServerSecurity, StartedService } from "@decorum/service";
import { createLogger, createMetrics, type Logger, type Metrics } from "@decorum/telemetry";
import { type RewardConfig, sections } from "@decorum/settings";
import { startReward } from "../start.ts";

export interface OpenReward extends AsyncDisposable {
  /** The classifier's folder: it holds one of random weights. */
  readonly folder: TemporaryFolder;
  readonly started: StartedService;
  readonly server: RpcServer;
  readonly metrics: Metrics;
  /** Lines of the log. */
  readonly log: readonly string[];
  /** URL of the HTTP door, once it is open. */
  url(): string;
}

/** Limits as by default, but for those given. */
export function limitsOf(fields: Partial<RewardConfig["limits"]>): RewardConfig["limits"] {
  return { ...sections.reward.parse({ model: "m" }).limits, ...fields };
}

/** Opens the service; `load` is left to the test where `loaded` is false. */
export async function openReward(
  fields: Partial<RewardConfig> = {},
  options: {
    readonly loaded?: boolean;
    readonly security?: Partial<ServerSecurity>;
    readonly server?: Partial<ServerOptions>;
  } = {},
): Promise<OpenReward> {
  const folder = new TemporaryFolder();
  writeClassifier(folder.path);
  const config = sections.reward.parse({
    model: folder.path,
    label: "hate",
    threads: 1,
    ...fields,
  });
  const log: string[] = [];
  const logger: Logger = createLogger({
    ...{ service: "reward", level: "info", format: "json" },
    write: (line) => void log.push(line),
  });
  const metrics = createMetrics({ service: "reward", version: "0" });
  const security: ServerSecurity = {
    tls: undefined,
    authorizer: new Authorizer("open", { logger, metrics }),
    ...options.security,
  };
  const started = startReward({ config, logger, metrics, security });
  const { maxMessageBytes, maxConnections } = started;
  const server = await createServer({
    address: "127.0.0.1:0",
    services: started.services,
    logger,
    metrics,
    auth: security.authorizer,
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...options.server,
  });
  if (options.loaded ?? true) {
    await started.load();
    server.setServing(true);
  }
  return {
    folder,
    started,
    server,
    metrics,
    log,
    url() {
      const line = log.find((entry) => entry.includes('"url":'));
      if (line === undefined) throw new Error("internal: the HTTP door is not open");
      return (JSON.parse(line) as { url: string }).url;
    },
    async [Symbol.asyncDispose]() {
      started.draining?.();
      await server.drain({ graceMs: 1000 });
      await started.stop();
      folder[Symbol.dispose]();
    },
  };
}
