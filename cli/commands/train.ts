import { Command, Option } from "commander";
import { createWriteStream } from "node:fs";
import process from "node:process";
import { isTransient } from "@decorum/fleet";
import { connectionFlags, readConnection } from "../connection.ts";
import { type Algorithm, algorithms } from "../demo.ts";
import { addFlags } from "../flags.ts";
import { InterruptedError } from "../interruption.ts";
import { withTrainer } from "../local_services.ts";
import { prefixed } from "../prefix.ts";
import { presetFile, presets } from "../presets.ts";
import { watchRun } from "../watch_run.ts";

interface TrainFlags extends Readonly<Record<string, unknown>> {
  readonly config?: string;
  readonly preset?: string;
  readonly algorithm?: Algorithm;
  readonly address?: string;
  readonly runId?: string;
  readonly set?: string[];
  readonly log?: string;
  readonly verbose?: boolean;
}

function trainerFlags(command: Command): Command {
  const own = command
    .option("-c, --config <file>", "start the four services here with this configuration")
    .addOption(
      new Option("--preset <name>", "as --config, with one that comes with Decorum").choices(
        presets,
      ),
    )
    .option("--address <host:port>", "use the trainer that runs there")
    .option("--set <path=value...>", "settings that win over the file (with --config)")
    .option("--log <file>", "where the services' logs go (with --config)", "services.log")
    .option("--verbose", "show the services' logs");
  return addFlags(own, connectionFlags);
}

async function runAndWatch(flags: TrainFlags, runId: string, resume: boolean): Promise<void> {
  const log = flags.verbose || flags.address !== undefined
    ? process.stderr
    : createWriteStream(flags.log!, { flags: "a" });
  const options = {
    address: flags.address,
    config: flags.config ?? (flags.preset && presetFile(flags.preset)),
    set: flags.set ?? [],
    connection: readConnection(flags),
    onLine: prefixed(log),
  };
  let id = runId;
  try {
    await withTrainer(options, async (trainer) => {
      const { algorithm } = flags;
      const configJson = algorithm === undefined ? "" : JSON.stringify({ algorithm });
      const started = await trainer.startRun({ runId, resume, configJson });
      id = started.run?.runId ?? runId;
      console.error(`run ${id} ${resume ? "goes on" : "started"}`);
      const { run } = await watchRun(trainer, id);
      const { state, step, metrics } = run;
      console.log(JSON.stringify({ run_id: id, state, step, metrics }));
      if (state === "RUN_STATE_INTERRUPTED") throw interrupted(id, "its trainer ends");
    });
  } catch (error) {
    if (error instanceof InterruptedError && id !== "") {
      console.error(`run ${id} is kept; "decorum resume ${id}" goes on with it`);
    }
    throw isTransient(error) && id !== "" ? interrupted(id, (error as Error).message) : error;
  }
}

function interrupted(id: string, why: string): Error {
  return new Error(`Cannot follow run ${id}: ${why}. "decorum resume ${id}" goes on with it`);
}

/** `decorum train`: starts a run and follows it to its end. */
export function trainCommand(): Command {
  return trainerFlags(
    new Command("train").description("train a policy by PPO, GRPO or RLOO, and follow the run"),
  )
    .option("--run-id <name>", "name of the run (default: the trainer makes one)")
    .addOption(
      new Option("--algorithm <name>", "how the policy learns (default: as the configuration says)")
        .choices(algorithms),
    )
    .action((flags: TrainFlags) => runAndWatch(flags, flags.runId ?? "", false));
}

/** `decorum resume`: takes an interrupted run up from its last checkpoint. */
export function resumeCommand(): Command {
  return trainerFlags(
    new Command("resume").description("go on with an interrupted run, bit for bit, and follow it"),
  ).argument("<run>", "name of the run")
    .action((runId: string, flags: TrainFlags) => runAndWatch(flags, runId, true));
}
