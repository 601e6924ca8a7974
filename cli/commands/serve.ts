import { Argument, Command } from "commander";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type ServiceName, serviceNames } from "@decorum/settings";
import { serviceTls } from "../connection.ts";
import { serviceProgram } from "../services.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";

/** `decorum serve <service>`: one service in this process. */
export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Run one service until SIGTERM or Ctrl-C.")
    .addArgument(new Argument("<service>", "which service").choices(serviceNames));
  return addSettingsFlags(command, "the service's configuration (YAML)")
    .option("--tls <folder>", "use TLS with the certificates that `decorum certs` made there")
    .action(async (name: ServiceName, flags: SettingsFlags & { readonly tls?: string }) => {
      const { config, set } = chosenSettings(flags);
      const settings = { config, set: [...serviceTls(flags.tls, [name]), ...set] };
      const { script, args } = serviceProgram(name, settings);
      const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
      process.argv = [process.argv[0]!, path, ...args];
      await import(path);
    });
}
