import { join } from "node:path";
import { spiffeName } from "@decorum/rpc";
import { serviceNames } from "@decorum/settings";

/** Who gets a certificate: the services, a person at the command line, and another system. */
export const holders = [
  ...serviceNames,
  "operator",
  "client",
] as const;
export type Holder = typeof holders[number];

/** Files of a folder that `decorum certs` filled, as settings name them. */
export function certificateFiles(folder: string, holder: Holder) {
  return {
    ca: join(folder, "ca.pem"),
    cert: join(folder, `${holder}.pem`),
    key: join(folder, `${holder}.key`),
  };
}

/** The identity of a holder: "spiffe://decorum/trainer", and "spiffe://decorum/client/default". */
export function identityOf(holder: Holder, trustDomain: string): string {
  return spiffeName(holder === "client" ? "client/default" : holder, trustDomain);
}
