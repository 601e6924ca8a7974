import { Command, Option } from "commander";
import { createWriteStream } from "node:fs";
import process from "node:process";
import { isTransient } from "@decorum/fleet";
import { connectionFlags, readConnection } from "../connection.ts";
import { type AlgorithmName, algorithmNames } from "@decorum/algorithms";
import { addFlags } from "../flags.ts";
import { InterruptedError } from "../interruption.ts";
import { recordedEvaluation } from "@decorum/runs";
import { withTrainer } from "../services.ts";
import { prefixed } from "../prefix.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";
import { evaluationInWords } from "../summary.ts";
import { watchRun } from "../watch_run.ts";

interface TrainFlags extends SettingsFlags, Readonly<Record<string, unknown>> {
  readonly algorithm?: AlgorithmName;
  readonly address?: string;
  readonly runId?: string;
  readonly log?: string;
  readonly verbose?: boolean;
}

function trainerFlags(command: Command): Command {
  const own = addSettingsFlags(
    command,
    "start the four services here with this configuration (YAML)",
    { preset: true },
  )
    .option("--address <host:port>", "use the trainer that runs there")
    .option(
      "--log <file>",
      "write the logs of services that are started here to it",
      "services.log",
    )
    .option("--verbose", "show the services' logs instead");
  return addFlags(own, connectionFlags);
}

async function runAndWatch(flags: TrainFlags, runId: string, resume: boolean): Promise<void> {
  const log = flags.verbose || flags.address !== undefined
    ? process.stderr
    : createWriteStream(flags.log!, { flags: "a" });
  const options = {
    address: flags.address,
    ...chosenSettings(flags),
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
      console.error(`run ${id} ${resume ? "continues" : "started"}`);
      const run = await watchRun(trainer, id);
      const last = (await trainer.listEvaluations({ runId: id })).evaluations.at(-1);
      const lines = last ? evaluationInWords(recordedEvaluation(last.resultJson)) : [];
      for (const line of lines) console.error(line);
      const { state, step, metrics } = run;
      console.log(JSON.stringify({ run_id: id, state, step, metrics }));
      if (state === "RUN_STATE_INTERRUPTED") throw interrupted(id, "its trainer ends");
    });
  } catch (error) {
    if (error instanceof InterruptedError && id !== "") {
      console.error(`run ${id} is kept; "decorum resume ${id}" continues it`);
    }
    throw isTransient(error) && id !== "" ? interrupted(id, (error as Error).message) : error;
  }
}

function interrupted(id: string, why: string): Error {
  return new Error(`Cannot follow run ${id}: ${why}. "decorum resume ${id}" continues it`);
}

/** `decorum train`: starts a run and follows it to its end. */
export function trainCommand(): Command {
  return trainerFlags(
    new Command("train").description(
      "Train a policy with reinforcement learning, and follow the run.",
    ),
  )
    .option("--run-id <name>", "name the run (default: the trainer makes a name)")
    .addOption(
      new Option("--algorithm <name>", "how the policy learns (default: as the configuration says)")
        .choices(algorithmNames),
    )
    .action((flags: TrainFlags) => runAndWatch(flags, flags.runId ?? "", false));
}

/** `decorum resume`: continues an interrupted run from its last checkpoint. */
export function resumeCommand(): Command {
  return trainerFlags(
    new Command("resume").description(
      "Continue an interrupted run from its last checkpoint, bit for bit, and follow it.",
    ),
  ).argument("<run>", "the run's name")
    .action((runId: string, flags: TrainFlags) => runAndWatch(flags, runId, true));
}
