import { Command } from "commander";
import process from "node:process";
import { ConfigError, loadService, type ServiceConfigs, type ServiceName } from "@decorum/settings";
import { createServer, drainOnSignal, type ServiceImplementation } from "@decorum/rpc";
import { type Logger, type Metrics, startTelemetry } from "@decorum/telemetry";
import { type ServerSecurity, serverSecurity } from "./security.ts";
import { observeMachine } from "./machine.ts";

/** What a service gets to start with. */
export interface ServiceContext<C> {
  readonly config: C;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** For doors that the service opens itself, beside the gRPC port. */
  readonly security: ServerSecurity;
}

/** A service whose port may be opened. */
export interface StartedService {
  readonly services: readonly ServiceImplementation[];
  /** Largest gRPC message in bytes, both ways; default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Connections that are open at once, on each gRPC port; default any number. */
  readonly maxConnections?: number;
  /** Loads models; the port is open and says NOT_SERVING meanwhile. Handlers wait for it by themselves. */
  load(): Promise<void>;
  /** Asked once the service serves: resolves with the exit code when it ends by itself. Absent: it never does. */
  ended?(): Promise<number>;
  /** The exit code of a process that was told to end; default `exitCodes.drained`. */
  readonly drainedCode?: number;
  /** The process is to end: called at the signal, before running calls are waited for. */
  readonly draining?: () => void;
  /** Frees everything, after the last call. */
  stop(): Promise<void>;
}

interface ServiceProgram<N extends ServiceName> {
  /** Name of the service and of its section of the configuration. */
  readonly name: N;
  readonly description: string;
  start(context: ServiceContext<ServiceConfigs[N]>): StartedService;
}

/** Exit codes of a service's process. */
export const exitCodes: Readonly<
  Record<"drained" | "failed" | "badConfig" | "interrupted", number>
> = {
  drained: 0,
  failed: 1,
  badConfig: 2,
  /** The process was told to end before its work was done: start it again. EX_TEMPFAIL of sysexits. */
  interrupted: 75,
};

/** Version of the project, in telemetry and --version. */
export const VERSION: string = "0.1.0";

/**
 * The whole life of a service's process: flags, configuration, telemetry, port, model, `ready`, drain on
 * SIGTERM or SIGINT. Ends the process.
 */
export async function runService<N extends ServiceName>(
  program: ServiceProgram<N>,
): Promise<void> {
  const flags = new Command(program.name).description(program.description).version(VERSION)
    .option("-c, --config <file>", "YAML file; the section is called like the service")
    .option(
      "--set <path=value...>",
      "settings that win over the file, as reward.listen=127.0.0.1:0",
    )
    .option("--exit-with-parent", "drain when standard input ends (for a supervisor)")
    .addHelpText(
      "after",
      "\nSettings may also come from the environment: DECORUM_REWARD__LISTEN=127.0.0.1:0",
    )
    .parse(process.argv).opts<{ config?: string; set?: string[]; exitWithParent?: boolean }>();
  try {
    await serve(program, flags);
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(`Cannot start ${program.name}. ${error.message}`);
      process.exit(exitCodes.badConfig);
    }
    console.error(
      `Cannot start ${program.name}: ${error instanceof Error ? error.message : error}`,
    );
    process.exit(exitCodes.failed);
  }
}

async function serve<N extends ServiceName>(
  program: ServiceProgram<N>,
  flags: { config?: string; set?: string[]; exitWithParent?: boolean },
): Promise<void> {
  const { name } = program;
  const { config, telemetry } = loadService(name, {
    file: flags.config,
    env: process.env,
    set: flags.set ?? [],
  });
  const { log_format: format, otlp_endpoint: endpoint } = telemetry;
  let isServing = () => false;
  const { logger, metrics, http, close } = await startTelemetry({
    service: `decorum-${name}`,
    version: VERSION,
    logLevel: telemetry.log_level,
    logTexts: telemetry.log_texts,
    sampleRatio: telemetry.sample_ratio,
    exportDelayMs: telemetry.export_interval_s * 1000,
    healthy: () => isServing(),
    ...(format === "auto" ? {} : { logFormat: format }),
    ...(endpoint === null ? {} : { otlpEndpoint: endpoint }),
    ...(config.metrics_listen === null ? {} : { http: hostAndPort(config.metrics_listen) }),
  });
  if (http) {
    observeMachine(metrics);
    logger.info("metrics", { url: `${http.url}/metrics` });
  }
  const security = serverSecurity(config, name, { logger, metrics });
  const started = program.start({ config, logger, metrics, security });
  const server = await createServer({
    address: config.listen,
    services: started.services,
    logger,
    metrics,
    auth: security.authorizer,
    ...(security.tls === undefined ? {} : { tls: security.tls }),
    insecure: config.insecure,
    reflection: config.reflection,
    version: VERSION,
    ...(started.maxMessageBytes === undefined ? {} : { maxMessageBytes: started.maxMessageBytes }),
    ...(started.maxConnections === undefined ? {} : { maxConnections: started.maxConnections }),
    ...(config.health_listen === null ? {} : { healthAddress: config.health_listen }),
  });
  isServing = () => server.serving;
  const drain: typeof server.drain = (options) => {
    started.draining?.();
    return server.drain(options);
  };
  const drained = drainOnSignal({ drain }, {
    logger,
    delayMs: config.drain_delay_s * 1000,
    graceMs: config.drain_grace_s * 1000,
  });
  if (flags.exitWithParent) endWithStandardInput();
  await started.load();
  server.setServing(true);
  console.log(`ready ${name} ${server.address}`);
  const ended = started.ended?.();
  await Promise.race([drained, ended?.then(() => drain()) ?? drained]);
  await started.stop();
  const code = await ended ?? started.drainedCode ?? exitCodes.drained;
  await close();
  process.exit(code);
}

/** The supervisor holds the other end of standard input: when it dies, however it dies, the input ends. */
function endWithStandardInput(): void {
  process.stdin.resume();
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
}

function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
