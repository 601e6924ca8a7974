import type { ServiceName } from "@decorum/settings";
import { serviceFlags, type SettingsSources } from "./permissions.ts";
import type { Program } from "./supervisor.ts";

/** How a service is started as a process, with the settings given. */
export function serviceProgram(
  name: ServiceName,
  settings: SettingsSources,
): Program {
  return {
    name,
    script: `services/${name}/main.ts`,
    flags: (more) => serviceFlags(name, { ...settings, set: [...settings.set ?? [], ...more] }),
    args: [
      ...(settings.config === undefined ? [] : ["--config", settings.config]),
      ...(settings.set ?? []).flatMap((flag) => ["--set", flag]),
    ],
  };
}
