import { type ServiceExit, type ServiceProcess, spawnProgram } from "@decorum/testing/process";
import { serviceFlags } from "../../../cli/permissions.ts";
import type { ServiceName } from "@decorum/settings";

/** A service that runs with the permissions that its settings need, as `decorum up` starts it. */
export interface GuardedService extends AsyncDisposable {
  readonly address: string;
  /** What it has said of itself. */
  readonly log: () => readonly Record<string, unknown>[];
}

function start(name: ServiceName, set: readonly string[]): ServiceProcess {
  const main = new URL(`../../../services/${name}/main.ts`, import.meta.url);
  const args = set.flatMap((setting) => ["--set", setting]);
  return spawnProgram(main, args, serviceFlags(name, { set }));
}

/** Starts a service. @throws Error with what it said when it ends before it is ready */
export async function startGuarded(
  name: ServiceName,
  set: readonly string[],
): Promise<GuardedService> {
  const child = start(name, set);
  return {
    address: await child.ready,
    log: () =>
      child.errors().split("\n").filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Starts a service that must not start, and waits for its end. */
export async function refuseToStart(
  name: ServiceName,
  set: readonly string[],
): Promise<ServiceExit> {
  return await start(name, set).exit;
}
