import { Command, Option } from "commander";
import process from "node:process";
import { examine } from "../doctor/doctor.ts";
import { findingsTable } from "../doctor/table.ts";
import { type ServiceName, serviceNames } from "@decorum/settings";

interface DoctorFlags {
  readonly config?: string;
  readonly service?: ServiceName;
  readonly set?: string[];
  readonly json?: boolean;
}

/** `decorum doctor`: what is wrong with this machine, or with what a configuration expects of it. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "look at this machine, and at what a configuration needs of it: exit code 1 if something fails",
    )
    .option(
      "-c, --config <file>",
      "YAML file with the services' sections (default: the machine alone)",
    )
    .addOption(
      new Option("--service <name>", "one service of the configuration").choices(serviceNames),
    )
    .option("--set <path=value...>", "settings that win over the file")
    .option("--json", "findings as a JSON line each")
    .action(async (flags: DoctorFlags) => {
      const findings = await examine({
        config: flags.config,
        service: flags.service,
        set: flags.set ?? [],
      });
      if (flags.json) findings.forEach((finding) => console.log(JSON.stringify(finding)));
      else console.log(findingsTable(findings));
      process.exitCode = findings.some(({ status }) => status === "fail") ? 1 : 0;
    });
}
