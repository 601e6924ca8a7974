import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A service in a process of its own. */
export interface ServiceProcess extends AsyncDisposable {
  /** Of its `ready` line. */
  readonly address: string;
  /** What it wrote to standard error so far. */
  log(): string;
  /** Its exit code, when it ends by itself. */
  readonly exit: Promise<number | null>;
  /** Ends it as kill -9 does, or asks it to end; resolves when it is gone. @returns exit code */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null>;
}

/**
 * Starts a program and waits for its `ready <name> <address>` line.
 *
 * @param path of the program, from this folder
 */
export async function startChild(path: string, flags: readonly string[]): Promise<ServiceProcess> {
  const file = fileURLToPath(new URL(path, import.meta.url));
  const child = spawn(process.execPath, ["run", "-A", "--no-check", file, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${path}`);
  let output = "";
  let errors = "";
  const ready = Promise.withResolvers<string>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const address = /^ready \S+ (\S+)$/m.exec(output)?.[1];
    if (address) ready.resolve(address);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text));
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  void exit.then(() => ready.reject(new Error(`${path} ended before it was ready: ${errors}`)));
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
    return await exit;
  };
  return {
    address: await ready.promise,
    log: () => errors,
    exit,
    end,
    [Symbol.asyncDispose]: async () => void await end("SIGKILL"),
  };
}
