import { Argument, Command } from "commander";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type ServiceName, serviceNames, serviceProgram } from "../services.ts";

/** `decorum serve <service>`: one service in this process. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("run one service until SIGTERM or Ctrl-C")
    .addArgument(new Argument("<service>", "which one").choices(serviceNames))
    .option("-c, --config <file>", "YAML file with the service's section")
    .option("--set <path=value...>", "settings that win over the file")
    .action(async (name: ServiceName, options: { config?: string; set?: string[] }) => {
      const { script, args } = serviceProgram(name, options);
      const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
      process.argv = [process.argv[0]!, path, ...args];
      await import(path);
    });
}
