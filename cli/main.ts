import { Command } from "commander";
import process from "node:process";
import { ConfigError } from "@decorum/config";
import { RpcError } from "@decorum/rpc";
import { VERSION } from "@decorum/service";
import { serveCommand } from "./commands/serve.ts";
import { upCommand } from "./commands/up.ts";

/** Exit codes of the `decorum` command. */
const FAILED = 1;
const BAD_CONFIG = 2;

const program = new Command("decorum")
  .description(
    "RLHF for encoder-decoder language models: four gRPC services and what goes with them",
  )
  .version(VERSION)
  .showHelpAfterError("(--help lists what there is)");

for (const command of [upCommand, serveCommand]) program.addCommand(command());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ConfigError) {
    console.error(error.message);
    process.exit(BAD_CONFIG);
  }
  console.error(error instanceof Error ? error.message : String(error));
  if (error instanceof RpcError || !process.env["DECORUM_DEBUG"]) process.exit(FAILED);
  throw error;
}
