import { InputError } from "@decorum/tensor";
import * as grpc from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import type { Logger, Metrics } from "@decorum/telemetry";
import { HealthImplementation } from "grpc-health-check";
import { checkTransport, hostPort, isLoopback } from "./address.ts";
import { Authorizer, type AuthTable, checkAuthTable } from "./auth.ts";
import { type DrainOptions, type DrainReport, drainServer } from "./drain.ts";
import { Gate } from "./gate.ts";
import { adaptHandlers } from "./handlers.ts";
import { loadProto } from "./load_proto.ts";
import { type AnyService, type Handlers, MAX_MESSAGE_BYTES } from "./service.ts";
import { type ServerTls, TlsServerCredentials } from "./tls.ts";
import { serverTracing } from "./tracing.ts";
import { tellVersion } from "./health.ts";

/** Calls of one connection that run at once: what is above waits at its client, or is refused where that sends it. */
const CALLS_PER_CONNECTION = 1024;

/** A service with its handlers; made by `implement`. */
export interface ServiceImplementation {
  readonly service: AnyService;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Puts a service and its handlers together. */
export function implement<S extends AnyService>(
  service: S,
  handlers: Handlers<S>,
): ServiceImplementation {
  return { service, handlers: handlers as Readonly<Record<string, unknown>> };
}

export interface ServerOptions {
  /** "host:port"; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly ServiceImplementation[];
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Absent: plaintext, on loopback only unless `insecure`. */
  readonly tls?: ServerTls;
  /** True: plaintext on any address. */
  readonly insecure?: boolean;
  /**
   * Who may call what; "open": everybody everything. Needed unless the address is plaintext loopback. An
   * authorizer is one that other doors of the process share.
   */
  readonly auth?: AuthTable | Authorizer | "open";
  /** Second address, plaintext, for health checks alone: probes have no certificate. */
  readonly healthAddress?: string;
  /** Server reflection; default true. */
  readonly reflection?: boolean;
  /** Largest message in bytes, both ways; default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Told to those who ask for the server's health. */
  readonly version?: string;
  /** Connections that are open at once, on each address; those above are closed as they come. Default any number. */
  readonly maxConnections?: number;
}

/** A server with an open port. It begins NOT_SERVING. */
export interface RpcServer {
  /** "host:port" with the port that was taken. */
  readonly address: string;
  readonly port: number;
  /** Port of `healthAddress`. */
  readonly healthPort: number | undefined;
  /** Whether the server as a whole says SERVING. */
  readonly serving: boolean;
  /** Calls that run, probes not counted. */
  readonly active: number;
  /** What `grpc.health.v1` says of the server as a whole and of each of its services. */
  setServing(serving: boolean): void;
  /**
   * Ends the server: NOT_SERVING, a delay in which calls are still taken, then new calls are refused and running
   * ones finished within the grace period, then it is closed. A second call gives the first one's promise.
   */
  drain(options?: DrainOptions): Promise<DrainReport>;
}

/**
 * Opens a server.
 *
 * @throws InputError for an address, table or handlers that do not fit, or plaintext where it is not allowed;
 *   Error when the port cannot be opened.
 */
export async function createServer(options: ServerOptions): Promise<RpcServer> {
  const { address, services, logger, metrics, tls } = options;
  checkTransport("listen on", address, options);
  const loaded = services.map(({ service }) => loadProto(service));
  const methods = loaded.flatMap(({ definition }) =>
    Object.values(definition).map(({ path }) => path.slice(1))
  );
  // What grpc-js would write to standard error, which holds our log, goes through the log.
  const say = (...parts: unknown[]) => logger.debug("grpc-js", { text: parts.join(" ") });
  grpc.setLogger({ error: say, info: say, debug: say });
  const gate = new Gate(authorizerOf(options, methods), metrics);
  const stopping = new AbortController();
  const version = options.version === undefined ? [] : [tellVersion(options.version)];
  const maxBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  const server = new grpc.Server({
    "grpc.max_receive_message_length": maxBytes,
    "grpc.max_send_message_length": maxBytes,
    "grpc.max_concurrent_streams": CALLS_PER_CONNECTION,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // The first one sees a call first.
    interceptors: [serverTracing(metrics), gate.interceptor, ...version],
  });

  const host = {
    logger,
    stopping: stopping.signal,
    identityOf: (metadata: grpc.Metadata) => gate.identityOf(metadata),
  };
  services.forEach(({ service, handlers }, i) => {
    const definition = loaded[i]?.definition ?? {};
    server.addService(definition, adaptHandlers(service.name, definition, handlers, host));
  });
  const names = ["", ...services.map(({ service }) => service.name)];
  const health = new HealthImplementation();
  for (const name of names) health.setStatus(name, "NOT_SERVING");
  health.addToServer(server);
  if (options.reflection ?? true) {
    const all: PackageDefinition = Object.assign({}, ...loaded.map((l) => l.packageDefinition));
    new ReflectionService(all, { services: names.slice(1) }).addToServer(server);
  }

  const secure = tls && new TlsServerCredentials(tls, { logger, metrics });
  const port = await bind(server, address, secure ?? grpc.ServerCredentials.createInsecure())
    .catch((error) => {
      secure?.[Symbol.dispose]();
      throw error;
    });
  let healthServer: grpc.Server | undefined;
  let healthPort: number | undefined;
  if (options.healthAddress !== undefined) {
    healthServer = new grpc.Server({ interceptors: version });
    health.addToServer(healthServer);
    try {
      const plaintext = grpc.ServerCredentials.createInsecure();
      healthPort = await bind(healthServer, options.healthAddress, plaintext);
    } catch (error) {
      server.forceShutdown();
      secure?.[Symbol.dispose]();
      throw error;
    }
  }

  for (const one of [server, healthServer]) limitConnections(one, options.maxConnections);

  let serving = false;
  let draining: Promise<DrainReport> | undefined;
  const setServing = (on: boolean): void => {
    if (draining && on) return;
    for (const name of names) health.setStatus(name, on ? "SERVING" : "NOT_SERVING");
    serving = on;
  };
  const shown = hostPort(address)?.host ?? address;
  return {
    address: address.startsWith("unix:")
      ? address
      : `${shown.includes(":") ? `[${shown}]` : shown}:${port}`,
    port,
    healthPort,
    setServing,
    get serving() {
      return serving;
    },
    get active() {
      return gate.active;
    },
    drain(drainOptions = {}) {
      setServing(false);
      draining ??= drainServer({ server, healthServer, gate, stopping, logger }, drainOptions)
        .finally(() => secure?.[Symbol.dispose]());
      return draining;
    },
  };
}

function authorizerOf(options: ServerOptions, methods: readonly string[]): Authorizer {
  const { auth, tls, address, logger, metrics } = options;
  if (auth instanceof Authorizer) return auth;
  if (auth !== undefined) {
    if (auth !== "open") checkAuthTable(auth, methods);
    return new Authorizer(auth, { logger, metrics });
  }
  if (tls === undefined && isLoopback(address)) return new Authorizer("open", { logger, metrics });
  throw new InputError(
    `Cannot listen on ${address} without a table of who may call what: give auth (or "open")`,
  );
}

/** grpc-js has no option for it; its HTTP/2 servers do. */
function limitConnections(server: grpc.Server | undefined, most: number | undefined): void {
  if (server === undefined || most === undefined) return;
  for (const listening of server["http2Servers"].keys()) listening.maxConnections = most;
}

function bind(server: grpc.Server, address: string, credentials: grpc.ServerCredentials) {
  return new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => {
      if (!cause) return resolve(port);
      reject(
        new Error(
          `Cannot listen on ${address}: ${cause.message}. ` +
            `End the process that holds the port, or choose another (0 takes a free one)`,
          { cause },
        ),
      );
    });
  });
}
