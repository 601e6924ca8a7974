import { Command, Option } from "commander";
import { existsSync } from "node:fs";
import { ConfigError, type ServiceName, serviceNames } from "@decorum/settings";
import { downloadAll, namedSources, type Source } from "../download.ts";
import { presetFile, presets } from "../presets.ts";

interface DownloadFlags {
  readonly config?: string;
  readonly preset?: string;
  readonly set?: string[];
  readonly service?: ServiceName;
  readonly onnx?: boolean;
}

/** `decorum download`: models and data of the hub, into the cache of this machine. */
export function downloadCommand(): Command {
  return new Command("download")
    .description("bring models and data of the Hugging Face hub to this machine's cache")
    .argument(
      "[names...]",
      "owner/name[@revision], or hf://datasets/owner/name[@revision]/file.csv",
    )
    .option("-c, --config <file>", "everything that this configuration names")
    .addOption(new Option("--preset <name>", "everything that this preset names").choices(presets))
    .option("--set <path=value...>", "settings that win over the file")
    .addOption(
      new Option("--service <name>", "of the configuration, this service's alone").choices(
        serviceNames,
      ),
    )
    .option("--onnx", "the ONNX form of the models named, for a judge")
    .addHelpText(
      "after",
      "\nPrints each name, what it is pinned to, and where it lies, as JSON lines.\n" +
        "The environment is that of all Hugging Face tools: HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.",
    )
    .action(async (names: string[], flags: DownloadFlags) => {
      const config = flags.config ?? (flags.preset && presetFile(flags.preset));
      if (names.length === 0 && config === undefined) {
        throw new ConfigError(["nothing to download: expected names, --config or --preset"]);
      }
      const sources: Source[] = [
        ...names.map((value): Source => ({
          value,
          kind: flags.onnx ? "onnx" : /\.(csv|jsonl|ndjson)$/.test(value) ? "data" : "model",
        })),
        ...(config === undefined
          ? []
          : namedSources({ config, set: flags.set ?? [], service: flags.service })),
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
