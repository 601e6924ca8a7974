import { Command, InvalidArgumentError, Option } from "commander";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ConfigError } from "@decorum/settings";
import { StoppedError } from "./decorum.ts";
import { runExperiment, stageNames } from "./experiment.ts";

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError("expected a whole number of at least 0");
  }
  return value;
}

const command = new Command("experiments/dialogsum/main.ts")
  .description(
    "Real text, from a clean start: DialogSum with toxic turns, a T5, a reward model and a judge trained " +
      "on it, PPO through the four services, evaluation. docs/experiments.md says what it found.",
  )
  .requiredOption("--data <folder>", "dialogsum/, toxicity/ and tokenizers/")
  .requiredOption("--out <folder>", "gets a folder a stage; run again to continue")
  .option("--seed <n>", "of data and models; PPO's seeds are in the settings", whole, 1)
  .option(
    "--settings <file>",
    "every size (default: settings.yaml beside this file)",
    fileURLToPath(new URL("settings.yaml", import.meta.url)),
  )
  .addOption(
    new Option("--stage <name>", "only this stage, and what it needs").choices([...stageNames]),
  )
  .showHelpAfterError("(--help lists what there is)")
  .action(async ({ data, out, ...options }) => {
    await runExperiment({ ...options, data: resolve(data), out: resolve(out) });
  });

try {
  await command.parseAsync();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  if (error instanceof StoppedError) {
    console.error("Stopped; the same command continues.");
    process.exit(error.exitCode);
  }
  console.error(error.message);
  if (process.env["DECORUM_DEBUG"]) console.error(error.stack);
  process.exit(error instanceof ConfigError ? 2 : 1);
}
