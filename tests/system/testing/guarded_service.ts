import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { serviceFlags } from "../../../cli/permissions.ts";
import type { ServiceName } from "../../../cli/services.ts";

/** A service that runs with the permissions that its settings need, as `decorum up` starts it. */
export interface GuardedService extends AsyncDisposable {
  readonly address: string;
  /** What it has said of itself. */
  readonly log: () => readonly Record<string, unknown>[];
}

export interface EndedService {
  readonly code: number | null;
  readonly errors: string;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));

function start(name: ServiceName, set: readonly string[]) {
  const child = spawn(process.execPath, [
    "run",
    "--no-check",
    ...serviceFlags(name, { set }),
    `services/${name}/main.ts`,
    ...set.flatMap((setting) => ["--set", setting]),
  ], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const said = { output: "", errors: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (said.output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (said.errors += text));
  const ended = new Promise<EndedService>((resolve) =>
    child.on("close", (code) => resolve({ code, errors: said.errors }))
  );
  return { child, said, ended };
}

/** Starts a service. @throws Error with what it said when it ends before it is ready */
export async function startGuarded(
  name: ServiceName,
  set: readonly string[],
): Promise<GuardedService> {
  const { child, said, ended } = start(name, set);
  const ready = new Promise<string>((resolve) => {
    child.stdout.on("data", () => {
      const address = new RegExp(`^ready ${name} (\\S+)$`, "m").exec(said.output)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const address = await Promise.race([
    ready,
    ended.then(({ errors }): never => {
      throw new Error(`${name} ended before it was ready: ${errors}`);
    }),
  ]);
  return {
    address,
    log: () =>
      said.errors.split("\n").filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) process.kill(child.pid!, "SIGKILL");
      await ended;
    },
  };
}

/** Starts a service that must not start, and waits for its end. */
export async function refuseToStart(
  name: ServiceName,
  set: readonly string[],
): Promise<EndedService> {
  return await start(name, set).ended;
}
