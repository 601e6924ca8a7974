import { Argument, Command } from "commander";
import { type ProcessName, processNames } from "@decorum/settings";
import { denoFlags, servicePermissions } from "../permissions.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";

/** `decorum permissions <service>`: what a service's process needs, as flags of `deno run`. */
export function permissionsCommand(): Command {
  const command = new Command("permissions")
    .description(
      "Print the flags of `deno run` that a service needs with its settings, one a line.",
    )
    .addArgument(new Argument("<service>", "which service").choices(processNames));
  return addSettingsFlags(command, "the service's configuration (YAML)")
    .action((name: ProcessName, flags: SettingsFlags) => {
      console.log(denoFlags(servicePermissions(name, chosenSettings(flags))).join("\n"));
    });
}
