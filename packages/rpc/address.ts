import { InputError } from "@decorum/tensor";
import { lookup } from "node:dns/promises";

/** Host and port of "host:port", "[v6]:port", "dns:///host:port"; undefined for other forms. */
export function hostPort(address: string): { host: string; port: number } | undefined {
  const bare = address.replace(/^dns:(\/\/[^/]*\/)?/, "");
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/,[\]]+)):(\d{1,5})$/.exec(bare);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65535 ? undefined : { host, port };
}

/** Whether nothing but this machine can reach the address: loopback, "localhost" or a Unix socket. */
export function isLoopback(address: string): boolean {
  if (address.startsWith("unix:")) return true;
  if (/^ipv[46]:/.test(address)) {
    return address.slice(5).split(",").every((one) => isLoopback(one));
  }
  const host = hostPort(address)?.host;
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host ?? "");
}

/**
 * Refuses plaintext where others could read or change it.
 *
 * @throws InputError when the address leaves this machine without TLS and `insecure` was not said.
 */
export function checkTransport(
  what: string,
  address: string,
  { tls, insecure }: { tls?: unknown; insecure?: boolean | undefined },
): void {
  if (tls !== undefined || insecure === true || isLoopback(address)) return;
  throw new InputError(
    `Cannot ${what} ${address} in plaintext: only loopback addresses may. Give tls, or say insecure: true`,
  );
}

/**
 * Every address behind a name: a headless service of Kubernetes has one for each replica. Each is "ip:port",
 * in a fixed order.
 *
 * @throws InputError when `target` is not "host:port", Error when the name is not known.
 */
export async function resolveAddresses(target: string): Promise<string[]> {
  const parsed = hostPort(target);
  if (!parsed) {
    throw new InputError(`Cannot resolve ${JSON.stringify(target)}: expected "host:port"`);
  }
  const found = await lookup(parsed.host, { all: true }).catch((cause: Error) => {
    throw new Error(`Cannot resolve ${target}: ${cause.message}`, { cause });
  });
  return [...new Set(found.map(({ address }) => address))].sort()
    .map((ip) => ip.includes(":") ? `[${ip}]:${parsed.port}` : `${ip}:${parsed.port}`);
}
