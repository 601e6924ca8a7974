import { type Command, Option } from "commander";
import { fileURLToPath } from "node:url";
import { ConfigError } from "@decorum/settings";

/** Configurations that come with Decorum, in `config/presets`. */
const presets = ["flan-t5-detox"] as const;

/** The options of {@link addSettingsFlags}, as commander gives them. */
export interface SettingsFlags {
  readonly config?: string;
  readonly preset?: string;
  readonly set?: string[];
}

/** Which configuration a command reads. */
export interface ChosenSettings {
  readonly config: string | undefined;
  readonly set: readonly string[];
}

/**
 * Adds the options that choose a command's configuration.
 *
 * @param config what the command does with the file
 * @param options preset: whether it may be one that comes with Decorum
 */
export function addSettingsFlags(
  command: Command,
  config: string,
  options: { readonly preset?: boolean } = {},
): Command {
  command.option("-c, --config <file>", config);
  if (options.preset) {
    command.addOption(
      new Option("--preset <name>", "use a configuration that comes with Decorum").choices(presets),
    );
  }
  return command.option(
    "--set <path=value...>",
    "change settings of the configuration, as trainer.ppo.steps=50",
  );
}

/** The configuration that was chosen. @throws ConfigError when there are two */
export function chosenSettings({ config, preset, set = [] }: SettingsFlags): ChosenSettings {
  if (config !== undefined && preset !== undefined) {
    throw new ConfigError(["--config and --preset were both given: leave one out"]);
  }
  const file = preset === undefined
    ? config
    : fileURLToPath(new URL(`../config/presets/${preset}.yaml`, import.meta.url));
  return { config: file, set };
}
