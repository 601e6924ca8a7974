import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";

/**
 * An address of the loopback of the calling test file's own, drawn by chance: files run beside each other in one
 * process, and a port that is free, or whose process was killed, must be nobody else's before it is used. Only
 * Linux has the whole of 127.0.0.0/8.
 */
const host = process.platform === "linux"
  ? `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`
  : "127.0.0.1";
const given = new Set<string>();

/** A "host:port" on which nobody listens, never the same twice. */
export async function freeAddress(): Promise<string> {
  for (;;) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const address = `${host}:${port}`;
    if (given.has(address)) continue;
    given.add(address);
    return address;
  }
}

/** Whether somebody listens on "host:port". */
export async function isTaken(address: string): Promise<boolean> {
  const at = address.lastIndexOf(":");
  const server = createServer();
  const taken = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(true));
    server.listen(Number(address.slice(at + 1)), address.slice(0, at), () => resolve(false));
  });
  if (!taken) await new Promise((resolve) => server.close(resolve));
  return taken;
}
