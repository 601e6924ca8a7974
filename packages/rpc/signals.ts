import type { Logger } from "@decorum/telemetry";
import process from "node:process";
import type { DrainOptions } from "./drain.ts";
import type { RpcServer } from "./server.ts";

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
