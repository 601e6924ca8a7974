import { Argument, Command } from "commander";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { serviceTls } from "../connection.ts";
import { serviceProgram } from "../services.ts";
import { type ServiceName, serviceNames } from "@decorum/settings";

interface ServeFlags {
  readonly config?: string;
  readonly set?: string[];
  readonly tls?: string;
}

/** `decorum serve <service>`: one service in this process. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("run one service until SIGTERM or Ctrl-C")
    .addArgument(new Argument("<service>", "which one").choices(serviceNames))
    .option("-c, --config <file>", "YAML file with the service's section")
    .option("--set <path=value...>", "settings that win over the file")
    .option("--tls <folder>", "TLS with the certificates that `decorum certs` made there")
    .action(async (name: ServiceName, options: ServeFlags) => {
      const set = [...serviceTls(options.tls, [name]), ...options.set ?? []];
      const { script, args } = serviceProgram(name, { ...options, set });
      const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
      process.argv = [process.argv[0]!, path, ...args];
      await import(path);
    });
}
