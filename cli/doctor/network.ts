import { createServer } from "node:net";
import {
  askHealth,
  type ClientTls,
  createClient,
  hostPort,
  learnerService,
  policyService,
  resolveAddresses,
} from "@decorum/rpc";
import { VERSION } from "@decorum/service";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** How a peer is called. */
export interface Call {
  readonly tls?: ClientTls;
  readonly insecure?: boolean;
  readonly token?: string | (() => string);
}

/** A port that a service is to take. */
export async function port(
  check: string,
  address: string,
  healthAddress: string | null,
): Promise<Finding> {
  const parsed = hostPort(address);
  if (!parsed) return fail(check, address, 'expected "host:port"');
  if (parsed.port === 0) return ok(check, `${address}: any free one`);
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen(parsed.port, parsed.host, () => server.close(() => resolve(undefined)));
  });
  if (problem === undefined) return ok(check, `${address} is free`);
  if (problem.code !== "EADDRINUSE") {
    return fail(check, `${address}: ${problem.message}`, "listen on an address of this machine");
  }
  const version = await ownVersion(healthAddress ?? address);
  if (version !== undefined) {
    return ok(check, `${address} is held by a service of version ${version} that runs here`);
  }
  return fail(check, `${address} is held by another process`, "end it, or choose another port");
}

/** The version of the service of this project behind an address of this machine, by its health port. */
async function ownVersion(address: string): Promise<string | undefined> {
  const { port: number } = hostPort(address)!;
  try {
    return (await askHealth({ address: `127.0.0.1:${number}`, deadlineMs: 1000 })).version;
  } catch {
    return undefined;
  }
}

/** Every replica behind a peer's address: reached, serving, and of this version. */
export async function peer(check: string, address: string, call: Call): Promise<Finding[]> {
  let addresses: string[];
  try {
    addresses = await resolveAddresses(address);
  } catch (error) {
    return [
      fail(
        check,
        (error as Error).message,
        "correct the address, or start that service; in a cluster, look at its Service and at DNS in the NetworkPolicy",
      ),
    ];
  }
  return await Promise.all(addresses.map(async (one) => {
    const shown = one === address ? one : `${address} (${one})`;
    try {
      const { serving, version } = await askHealth({ ...call, address: one, deadlineMs: 5000 });
      if (!serving) {
        return warn(
          check,
          `${shown} does not serve yet`,
          "its model loads, or it drains: look at its log",
        );
      }
      if (version === VERSION) return ok(check, `${shown} serves, version ${version}`);
      return warn(
        check,
        `${shown} serves, version ${version ?? "unknown"}, this is ${VERSION}`,
        "run one version of all services",
      );
    } catch (error) {
      return fail(
        check,
        `${shown}: ${reasonOf(error)}`,
        "start it, or let this machine reach it: NetworkPolicy, firewall, certificates",
      );
    }
  }));
}

/** Whether the policies serve the base model that the trainer learns on. */
export async function sameModel(
  check: string,
  { service, address, call }: {
    readonly service: "policy" | "learner";
    readonly address: string;
    readonly call: Call;
  },
  expected: string,
): Promise<Finding> {
  try {
    const found = await modelAt(service, { ...call, address });
    if (found === expected) return ok(check, `${address} serves the trainer's base model`);
    return fail(
      check,
      `${address} serves another model than model.name_or_path`,
      "give both the same base model",
    );
  } catch (error) {
    return warn(
      check,
      `${address} does not say which model it serves: ${(error as Error).message}`,
      "look again when it serves",
    );
  }
}

/** Why a call failed, in few words: the innermost reason that gRPC's message holds. */
function reasonOf(error: unknown): string {
  const { message } = error as Error;
  return /Last error: (?:Error: )?(.+?)\.? Resolution note/.exec(message)?.[1] ?? message;
}

/** The hash of the base model that a service holds. */
async function modelAt(
  service: "policy" | "learner",
  options: Call & { readonly address: string },
): Promise<string> {
  const soon = { deadlineMs: 5000 };
  if (service === "policy") {
    using client = createClient(policyService, options);
    return (await client.getModelInfo({}, soon)).baseModelHash;
  }
  using client = createClient(learnerService, options);
  return (await client.getInfo({}, soon)).baseModelHash;
}
