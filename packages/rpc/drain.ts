import process from "node:process";
import { delay } from "@decorum/async";
import type { Logger } from "@decorum/telemetry";
import type { Server } from "@grpc/grpc-js";
import { StatusError } from "./errors.ts";
import type { Gate } from "./gate.ts";
import type { RpcServer } from "./server.ts";

export interface DrainOptions {
  /** Milliseconds between NOT_SERVING and the refusal of new calls: time for load balancers to notice; default 0. */
  readonly delayMs?: number;
  /** Milliseconds that running calls have to finish after that; default 30 000. */
  readonly graceMs?: number;
}

/** How a drain went. */
export interface DrainReport {
  /** Calls that were cut off when the grace period ended. */
  readonly cutOff: number;
}

interface Drained {
  readonly server: Server;
  readonly healthServer: Server | undefined;
  readonly gate: Gate;
  readonly stopping: AbortController;
  readonly logger: Logger;
}

/** Milliseconds in which cut-off calls may still send their status, and connections close by themselves. */
const closeMs = 500;

/**
 * Deno 2.9.3 reports an HTTP/2 write as done when it is queued: without a moment between the last status and
 * the GOAWAY, a busy machine loses that status now and then, and the client sees a dropped connection.
 */
const flushMs = 150;

/** Ends a server that says NOT_SERVING already. Never rejects. */
export async function drainServer(
  { server, healthServer, gate, stopping, logger }: Drained,
  { delayMs = 0, graceMs = 30_000 }: DrainOptions,
): Promise<DrainReport> {
  logger.info("draining", { active: gate.active, delay_ms: delayMs, grace_ms: graceMs });
  await delay(delayMs);
  gate.refuse();
  await within(graceMs, gate.idle());
  const cutOff = gate.active;
  if (cutOff > 0) {
    stopping.abort(new StatusError("UNAVAILABLE", "the server ends", { pushbackMs: 0 }));
    await within(closeMs, gate.idle());
  }
  await delay(flushMs);
  // GOAWAY lets clients leave in peace; watchers of the health service would stay for ever.
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  await within(closeMs, closed);
  server.forceShutdown();
  healthServer?.forceShutdown();
  logger.info("drained", { cut_off: cutOff });
  return { cutOff };
}

/** Waits for something, but no longer than `ms` milliseconds. */
async function within(ms: number, event: Promise<void>): Promise<void> {
  const over = new AbortController();
  await Promise.race([event, delay(ms, over.signal)]);
  over.abort();
}

/**
 * Waits for SIGTERM or SIGINT and drains the server. A second signal ends the grace period at once, so that
 * two Ctrl-C end a process that hangs. Resolves when the server is closed; the caller then exits.
 */
export async function drainOnSignal(
  server: Pick<RpcServer, "drain">,
  { logger, ...options }: DrainOptions & { readonly logger: Logger },
): Promise<void> {
  const signals = ["SIGTERM", "SIGINT"] as const;
  let received = 0;
  let onSignal = (_signal: NodeJS.Signals): void => {};
  const first = new Promise<void>((resolve) => {
    onSignal = (signal) => {
      received++;
      logger.info("signal received", { signal });
      resolve();
      if (received < 2) return;
      logger.warn("second signal: exiting at once");
      process.exit(1);
    };
  });
  for (const signal of signals) process.on(signal, onSignal);
  await first;
  await server.drain(options);
  for (const signal of signals) process.off(signal, onSignal);
}
