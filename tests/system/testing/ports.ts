import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";

/** An address of the loopback that belongs to this test process alone: nobody else's port 0 lands on it. */
const host = `127.1.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** A "host:port" on which nobody listens. */
export async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `${host}:${port}`;
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
