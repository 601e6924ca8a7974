import { Command } from "commander";
import process from "node:process";
import { ConfigError, coreServiceNames } from "@decorum/settings";
import { serviceTls } from "../connection.ts";
import { prefixed } from "../prefix.ts";
import { startServices, withSupervisor } from "../services.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";

/** `decorum up`: the four services on this machine, until Ctrl-C. */
export function upCommand(): Command {
  const command = new Command("up").description(
    "Run the four services on this machine until Ctrl-C. A service that crashes is started again.",
  );
  return addSettingsFlags(command, "the services' configuration (YAML)", { preset: true })
    .option("--tls <folder>", "use TLS with the certificates that `decorum certs` made there")
    .action(async (flags: SettingsFlags & { readonly tls?: string }) => {
      const { config, set } = chosenSettings(flags);
      if (config === undefined) {
        throw new ConfigError(["nothing to start: expected --config or --preset"]);
      }
      await withSupervisor(prefixed(process.stderr), async (supervisor) => {
        const addresses = await startServices(supervisor, {
          config,
          set: [...serviceTls(flags.tls), ...set],
        });
        for (const name of coreServiceNames) console.log(`${name} ${addresses[name]}`);
        await new Promise<never>(() => {});
      });
    });
}
