import { Command } from "commander";
import process from "node:process";
import { ConfigError } from "@decorum/settings";
import { RpcError } from "@decorum/rpc";
import { VERSION } from "@decorum/service";
import { InterruptedError } from "./interruption.ts";
import { certsCommand } from "./commands/certs.ts";
import { demoCommand } from "./commands/demo.ts";
import { devCommand } from "./commands/dev.ts";
import { dpoCommand } from "./commands/dpo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { downloadCommand } from "./commands/download.ts";
import { evaluateCommand } from "./commands/evaluate.ts";
import { exportCommand } from "./commands/export.ts";
import { permissionsCommand } from "./commands/permissions.ts";
import { reportCommand } from "./commands/report.ts";
import { rewardTrainCommand } from "./commands/reward_train.ts";
import { runsCommand } from "./commands/runs.ts";
import { scoreCommand } from "./commands/score.ts";
import { serveCommand } from "./commands/serve.ts";
import { sftCommand } from "./commands/sft.ts";
import { resumeCommand, trainCommand } from "./commands/train.ts";
import { tokenCommand } from "./commands/token.ts";
import { uiCommand } from "./commands/ui.ts";
import { upCommand } from "./commands/up.ts";
import { StartError } from "./supervisor.ts";

/** Exit codes of the `decorum` command. */
const FAILED = 1;
const BAD_CONFIG = 2;

const program = new Command("decorum")
  .description(
    "RLHF for encoder-decoder language models: four gRPC services, training, and a page to watch runs.",
  )
  .version(VERSION)
  // What comes after `dev` and its own options is the command that it runs.
  .enablePositionalOptions()
  .showHelpAfterError("(--help lists what there is)")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_CONFIG));

const commands = [
  demoCommand,
  trainCommand,
  resumeCommand,
  runsCommand,
  uiCommand,
  reportCommand,
  evaluateCommand,
  sftCommand,
  rewardTrainCommand,
  dpoCommand,
  exportCommand,
  downloadCommand,
  doctorCommand,
  scoreCommand,
  upCommand,
  serveCommand,
  devCommand,
  certsCommand,
  tokenCommand,
  permissionsCommand,
];
for (const command of commands) {
  program.addCommand(command().copyInheritedSettings(program));
}

/** What to print of an error. Of a file system's own, as EACCES, it says what it means for the command. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) return message;
  return `Cannot use ${path}: ${message}; is there such a folder, may this user read and write it, and is there room?`;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ConfigError || (error instanceof StartError && error.badConfig)) {
    console.error(error.message);
    process.exit(BAD_CONFIG);
  }
  if (error instanceof InterruptedError) process.exit(error.exitCode);
  console.error(sentenceOf(error));
  if (error instanceof RpcError || !process.env["DECORUM_DEBUG"]) process.exit(FAILED);
  throw error;
}
