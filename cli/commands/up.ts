import { Command } from "commander";
import process from "node:process";
import { prefixed } from "../prefix.ts";
import { serviceNames, serviceProgram } from "../services.ts";
import { Supervisor } from "../supervisor.ts";

/** `decorum up`: the four services on this machine, until Ctrl-C. */
export function upCommand(): Command {
  return new Command("up")
    .description("run all four services on this machine until Ctrl-C, and start again what crashes")
    .requiredOption("-c, --config <file>", "YAML file with the services' sections")
    .option("--set <path=value...>", "settings that win over the file")
    .action(async (options: { config: string; set?: string[] }) => {
      const supervisor = new Supervisor({ onLine: prefixed(process.stderr) });
      const interrupted = new Promise<void>((resolve) => {
        for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
      });
      try {
        const started = (async () => {
          for (const name of serviceNames) await supervisor.start(serviceProgram(name, options));
          for (const name of serviceNames) console.log(`${name} ${supervisor.address(name)}`);
        })();
        await Promise.race([started, interrupted, supervisor.failure]);
        await Promise.race([interrupted, supervisor.failure]);
      } finally {
        await supervisor.stop();
      }
    });
}
