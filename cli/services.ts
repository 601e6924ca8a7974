import process from "node:process";
import {
  ConfigError,
  coreServiceNames,
  loadSections,
  type ProcessName,
  sectionsOf,
} from "@decorum/settings";
import { createClient, type RpcClient, trainerService } from "@decorum/rpc";
import { connection, type ConnectionFlags, serviceTls } from "./connection.ts";
import { pinnedSettings } from "./download.ts";
import { InterruptedError, Interruption } from "./interruption.ts";
import { serviceFlags, type SettingsSources } from "./permissions.ts";
import { type Program, StartError, Supervisor } from "./supervisor.ts";

/** How a service is started as a process, with the settings given. */
export function serviceProgram(
  name: ProcessName,
  settings: SettingsSources,
): Program {
  return {
    name,
    script: `services/${name}/main.ts`,
    flags: (more) => serviceFlags(name, { ...settings, set: [...settings.set ?? [], ...more] }),
    args: [
      ...(settings.config === undefined ? [] : ["--config", settings.config]),
      ...(settings.set ?? []).flatMap((flag) => ["--set", flag]),
    ],
  };
}

/** Where the four services of this machine are reached. */
export type Addresses = Readonly<Record<typeof coreServiceNames[number], string>>;

/**
 * Stops before services are started with a configuration that one of them, or their caller, would refuse.
 *
 * @throws ConfigError with every fault at once
 */
function checkServices({ config: file, set }: { config: string; set: readonly string[] }): void {
  const names = new Set(coreServiceNames.flatMap((name) => sectionsOf[name]));
  loadSections([...names, "client"], { file, env: process.env, set });
}

/**
 * Starts the four services with one configuration; the caller stops the supervisor.
 *
 * @throws ConfigError with every fault of the configuration; StartError with what all of them have to say
 */
export async function startServices(
  supervisor: Supervisor,
  given: { readonly config: string; readonly set: readonly string[] },
): Promise<Addresses> {
  checkServices(given);
  const settings = await pinnedSettings(given);
  await startAll(coreServiceNames.map((name) => supervisor.start(serviceProgram(name, settings))));
  return Object.fromEntries(
    coreServiceNames.map((name) => [name, supervisor.address(name)]),
  ) as unknown as Addresses;
}

/** Waits until all are ready. @throws StartError with what all of them have to say */
export async function startAll(starts: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(starts)).flatMap((result) =>
    result.status === "rejected" ? [result.reason as Error] : []
  );
  if (failures.length === 0) return;
  const badConfig = failures.every((error) => error instanceof StartError && error.badConfig);
  throw new StartError(failures.map(({ message }) => message).join("\n"), badConfig);
}

/**
 * Runs `body` with a supervisor, all of whose children are ended before it returns.
 *
 * @throws InterruptedError when a signal came before the end; Error when a service is given up
 */
export async function withSupervisor<T>(
  onLine: (name: string, line: string) => void,
  body: (supervisor: Supervisor) => Promise<T>,
): Promise<T> {
  using interruption = new Interruption();
  const supervisor = new Supervisor({ onLine });
  const interrupted = interruption.arrived.then((): never => {
    throw new InterruptedError(interruption.exitCode);
  });
  try {
    return await Promise.race([body(supervisor), supervisor.failure, interrupted]);
  } finally {
    await supervisor.stop();
  }
}

/**
 * Runs `body` with a client of a trainer: the one at `address`, or one started here with the other
 * services and ended with them.
 */
export async function withTrainer<T>(
  options: {
    readonly address?: string | undefined;
    readonly config?: string | undefined;
    readonly set: readonly string[];
    readonly connection: ConnectionFlags;
    readonly onLine: (name: string, line: string) => void;
  },
  body: (trainer: RpcClient<typeof trainerService>) => Promise<T>,
): Promise<T> {
  const { address, config, set } = options;
  if (address === undefined && config !== undefined) checkServices({ config, set });
  const call = connection(options.connection, { config, set });
  if (address !== undefined) {
    using trainer = createClient(trainerService, { ...call("trainer"), address });
    return await body(trainer);
  }
  if (config === undefined) {
    throw new ConfigError([
      "--address and --config are missing: expected a trainer's address, or a file to start one with",
    ]);
  }
  const settings = { config, set: [...serviceTls(options.connection.tls), ...set] };
  return await withSupervisor(options.onLine, async (supervisor) => {
    const { trainer: address } = await startServices(supervisor, settings);
    using trainer = createClient(trainerService, { ...call("trainer"), address });
    return await body(trainer);
  });
}
