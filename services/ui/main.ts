import { Command } from "commander";
import process from "node:process";
import { createClient, trainerService } from "@decorum/rpc";
import { callSecurity, exitCodes, serverSecurity } from "@decorum/service";
import { ConfigError, loadSections, type UiConfig } from "@decorum/settings";
import { createLogger } from "@decorum/telemetry";
import { openUi, storeSource, trainerControls, trainerSource } from "@decorum/ui";

const flags = new Command("ui").description("Serves the page of runs.")
  .option("-c, --config <file>", "YAML file with the section ui")
  .option("--set <path=value...>", "settings that win over the file, as ui.listen=127.0.0.1:0")
  .option("--exit-with-parent", "end when standard input ends (for a supervisor)")
  .parse(process.argv).opts<{ config?: string; set?: string[]; exitWithParent?: boolean }>();

const logger = createLogger({ service: "decorum-ui" });
const ending = Promise.withResolvers<void>();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => ending.resolve());
if (flags.exitWithParent) process.stdin.resume().on("end", () => ending.resolve());

/** Serves until SIGTERM or SIGINT. @throws ConfigError, and as `openUi` */
async function serve(config: UiConfig): Promise<void> {
  const { listen, names, insecure, runs, trainer: address } = config;
  const { tls, authorizer } = serverSecurity(config, "ui", { logger });
  const call = callSecurity(config, "ui", { logger })("trainer");
  using trainer = address === null ? undefined : createClient(trainerService, { ...call, address });
  await using page = await openUi({
    ...{ address: listen, names, insecure, authorizer, logger },
    ...(tls ? { tls } : {}),
    // One of the two is named, as the settings have it.
    source: runs === null ? trainerSource(trainer!) : storeSource(runs),
    controls: trainer && trainerControls(trainer),
  });
  console.log(`ready ui ${new URL(page.url).host}`);
  await ending.promise;
}

try {
  const { config: file, set = [] } = flags;
  const { ui } = loadSections(["ui"], { file, env: process.env, set });
  await serve(ui);
  process.exit(exitCodes.drained);
} catch (error) {
  console.error(`Cannot start ui: ${error instanceof Error ? error.message : error}`);
  process.exit(error instanceof ConfigError ? exitCodes.badConfig : exitCodes.failed);
}
