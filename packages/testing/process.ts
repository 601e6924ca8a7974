/** Services as processes of their own. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** SIGKILL at the end of an `await using` block. */
export interface ServiceProcess extends AsyncDisposable {
  readonly pid: number;
  /** Address of the `ready` line. @throws Error with the standard error when it ends without one */
  readonly ready: Promise<string>;
  readonly exit: Promise<ServiceExit>;
  /** What it wrote to standard error so far. */
  errors(): string;
  /** Ends it as kill -9 does, or asks it to end; resolves when it is gone. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<ServiceExit>;
}

/** How a process ended. */
export interface ServiceExit {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What it wrote to standard error. */
  readonly errors: string;
}

/**
 * Starts a service with `--set` for each setting, and all permissions.
 *
 * @param main its main.ts
 */
export function spawnService(main: URL, ...settings: string[]): ServiceProcess {
  return spawnProgram(main, settings.flatMap((setting) => ["--set", setting]));
}

/**
 * Starts a program that writes `ready NAME ADDRESS` once it serves.
 *
 * @param permissions flags for Deno
 */
export function spawnProgram(
  main: URL,
  args: readonly string[],
  permissions: readonly string[] = ["-A"],
): ServiceProcess {
  const file = fileURLToPath(main);
  const child = spawn(
    process.execPath,
    ["run", "--no-check", ...permissions, file, ...args],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  let errors = "";
  const ready = Promise.withResolvers<string>();
  ready.promise.catch(() => {});
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const address = /^ready \S+ (\S+)$/m.exec(output)?.[1];
    if (address) ready.resolve(address);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text));
  const exit = new Promise<ServiceExit>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal, errors }))
  );
  void exit.then(() => ready.reject(new Error(`${file} ended before it was ready: ${errors}`)));
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) {
      // Not child.kill: Deno then reports the signal as the way the child ended, whatever it did.
      try {
        process.kill(child.pid ?? 0, signal);
      } catch {
        // It has just ended.
      }
    }
    return await exit;
  };
  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    exit,
    errors: () => errors,
    end,
    [Symbol.asyncDispose]: async () => void await end("SIGKILL"),
  };
}
