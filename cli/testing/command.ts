import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A `decorum` process that has ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `decorum`. */
export interface RunningCommand {
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** Starts `decorum` with arguments and standard input. */
export function startCommand(
  args: readonly string[],
  input: string | Uint8Array = "",
): RunningCommand {
  const child = spawn(process.execPath, ["run", "-A", main, ...args]);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    // Deno tells an exit code above 128 as a signal, which is what shells mean by it.
    child.on("close", (code, signal) => {
      resolve({ code: code ?? 128 + constants.signals[signal!], stdout, stderr });
    });
  });
  return { kill: (signal) => child.kill(signal), ended };
}

/** Runs `decorum` to its end. */
export async function runCommand(
  args: readonly string[],
  input: string | Uint8Array = "",
): Promise<Ended> {
  return await startCommand(args, input).ended;
}

/** Runs `decorum`; an error that shows what it said unless it succeeds. */
export async function succeed(args: readonly string[], input = ""): Promise<Ended> {
  const ended = await runCommand(args, input);
  if (ended.code === 0) return ended;
  throw new Error(`decorum ${args.join(" ")} ended with ${ended.code}:\n${ended.stderr}`);
}
