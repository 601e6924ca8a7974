import { Command, Option } from "commander";
import process from "node:process";
import { type ServiceName, serviceNames } from "@decorum/settings";
import { examine } from "../doctor/doctor.ts";
import { findingsTable } from "../doctor/finding.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";

interface DoctorFlags extends SettingsFlags {
  readonly service?: ServiceName;
  readonly json?: boolean;
}

/** `decorum doctor`: what is wrong with this machine, or with what a configuration expects of it. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("Check this machine, and what a configuration needs of it.");
  return addSettingsFlags(command, "check what this file needs too (YAML)")
    .addOption(
      new Option("--service <name>", "check one service of the configuration").choices(
        serviceNames,
      ),
    )
    .option("--json", "print each finding as a line of JSON")
    .addHelpText("after", "\nExit codes: 0 nothing fails, 1 something fails, 2 wrong options.")
    .action(async (flags: DoctorFlags) => {
      const findings = await examine({ ...chosenSettings(flags), service: flags.service });
      if (flags.json) findings.forEach((finding) => console.log(JSON.stringify(finding)));
      else console.log(findingsTable(findings));
      process.exitCode = findings.some(({ status }) => status === "fail") ? 1 : 0;
    });
}
