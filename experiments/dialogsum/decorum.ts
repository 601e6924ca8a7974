import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** A command ended because a signal came; it can be taken up again. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";

  constructor(readonly exitCode: number) {
    super("stopped");
  }
}

const signals = ["SIGINT", "SIGTERM"] as const;

/**
 * Runs a `decorum` command as a user does; its progress is shown, and the command itself before it.
 *
 * @returns what it wrote to standard output
 * @throws StoppedError when a signal ended it; Error when it failed, after it has said why
 */
export async function decorum(args: readonly string[]): Promise<string> {
  console.error(`$ decorum ${args.map(quoted).join(" ")}`);
  const child = spawn(process.execPath, ["run", "-A", program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stopped = false;
  // A terminal sends Ctrl-C to the child too, and a second one would end it at once.
  const forward = (signal: NodeJS.Signals) => {
    stopped = true;
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  try {
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (stopped) throw new StoppedError(130);
    if (code === 0) return stdout;
    throw new Error(
      `The command "decorum ${args[0]}" ended with ${code ?? "a signal"}; it says why above. ` +
        "Run the experiment again to continue where it stopped",
    );
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

/** An argument as a POSIX shell reads it. */
function quoted(argument: string): string {
  return /^[\w./:=,@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
