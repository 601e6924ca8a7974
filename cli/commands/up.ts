import { Command } from "commander";
import process from "node:process";
import { serviceTls } from "../connection.ts";
import { startServices, withSupervisor } from "../local_services.ts";
import { prefixed } from "../prefix.ts";
import { serviceNames } from "@decorum/settings";

/** `decorum up`: the four services on this machine, until Ctrl-C. */
export function upCommand(): Command {
  return new Command("up")
    .description("run all four services on this machine until Ctrl-C, and start again what crashes")
    .requiredOption("-c, --config <file>", "YAML file with the services' sections")
    .option("--set <path=value...>", "settings that win over the file")
    .option("--tls <folder>", "TLS with the certificates that `decorum certs` made there")
    .action(async (options: { config: string; set?: string[]; tls?: string }) => {
      await withSupervisor(prefixed(process.stderr), async (supervisor) => {
        const addresses = await startServices(supervisor, {
          config: options.config,
          set: [...serviceTls(options.tls), ...options.set ?? []],
        });
        for (const name of serviceNames) console.log(`${name} ${addresses[name]}`);
        await new Promise<never>(() => {});
      });
    });
}
