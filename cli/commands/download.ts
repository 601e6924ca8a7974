import { Command, Option } from "commander";
import { existsSync } from "node:fs";
import { ConfigError, type ServiceName, serviceNames } from "@decorum/settings";
import { downloadAll, namedSources, type Source } from "../download.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";

interface DownloadFlags extends SettingsFlags {
  readonly service?: ServiceName;
  readonly onnx?: boolean;
}

/** `decorum download`: models and data of the hub, into the cache of this machine. */
export function downloadCommand(): Command {
  const command = new Command("download")
    .description("Download models and data of the Hugging Face hub into this machine's cache.")
    .argument(
      "[names...]",
      "owner/name[@revision], or hf://datasets/owner/name[@revision]/file.csv",
    );
  return addSettingsFlags(command, "download all that this file names (YAML)", { preset: true })
    .addOption(
      new Option("--service <name>", "download only what this service needs").choices(
        serviceNames,
      ),
    )
    .option("--onnx", "download the ONNX form of the models named, for a judge")
    .addHelpText(
      "after",
      "\nPrints each name, the commit that it is pinned to, and its path, as JSON lines.\n" +
        "The environment is that of all Hugging Face tools: HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.",
    )
    .action(async (names: string[], flags: DownloadFlags) => {
      const { config, set } = chosenSettings(flags);
      if (names.length === 0 && config === undefined) {
        throw new ConfigError(["nothing to download: expected names, --config or --preset"]);
      }
      const sources: Source[] = [
        ...names.map((value): Source => ({
          value,
          kind: flags.onnx ? "onnx" : /\.(csv|jsonl|ndjson)$/.test(value) ? "data" : "model",
        })),
        ...(config === undefined ? [] : namedSources({ config, set, service: flags.service })),
      ];
      const found = await downloadAll(sources);
      // A setting's path is its service's to judge; a name that was asked for is to be there afterwards.
      const missing = names.filter((name) => !existsSync(found.get(name)!.path));
      if (missing.length > 0) {
        throw new ConfigError(
          missing.map((name) =>
            `"${name}" is neither here nor a name of the hub: expected owner/name[@revision], ` +
            "or hf://datasets/owner/name[@revision]/file.csv"
          ),
        );
      }
      for (const [name, { pinned, path }] of found) {
        console.log(JSON.stringify({ name, pinned, path }));
      }
    });
}
