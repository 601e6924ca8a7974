import { Argument, Command } from "commander";
import { denoFlags, servicePermissions } from "../permissions.ts";
import { type ServiceName, serviceNames } from "@decorum/settings";

/** `decorum permissions <service>`: what a service's process needs, as flags of `deno run`. */
export function permissionsCommand(): Command {
  return new Command("permissions")
    .description("print the flags of `deno run` that a service needs with its settings, one a line")
    .addArgument(new Argument("<service>", "which one").choices(serviceNames))
    .option("-c, --config <file>", "YAML file with the service's section")
    .option("--set <path=value...>", "settings that win over the file")
    .action((name: ServiceName, options: { config?: string; set?: string[] }) => {
      console.log(denoFlags(servicePermissions(name, options)).join("\n"));
    });
}
