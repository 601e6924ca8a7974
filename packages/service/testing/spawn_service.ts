/** Services as processes of their own, for tests. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface ServiceProcess extends AsyncDisposable {
  readonly pid: number;
  /** Address of the `ready` line. @throws Error with the standard error when there is none */
  readonly ready: Promise<string>;
  readonly exit: Promise<ServiceExit>;
}

export interface ServiceExit {
  /** Null where a signal ended it. */
  readonly code: number | null;
  /** What it wrote to standard error. */
  readonly errors: string;
}

/**
 * Starts a service with `--set` for each setting.
 *
 * @param main its main.ts
 */
export function spawnService(name: string, main: URL, ...settings: string[]): ServiceProcess {
  const flags = settings.flatMap((setting) => ["--set", setting]);
  const child = spawn(
    process.execPath,
    ["run", "-A", "--no-check", fileURLToPath(main), ...flags],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  let errors = "";
  const ready = Promise.withResolvers<string>();
  ready.promise.catch(() => {});
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const address = new RegExp(`^ready ${name} (\\S+)$`, "m").exec(output)?.[1];
    if (address) ready.resolve(address);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text));
  const exit = new Promise<ServiceExit>((resolve) =>
    child.on("close", (code) => resolve({ code, errors }))
  );
  void exit.then(() => ready.reject(new Error(`it ended before it was ready: ${errors}`)));
  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    exit,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(child.pid ?? 0, "SIGKILL");
      }
      await exit;
    },
  };
}
