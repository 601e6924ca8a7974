import { RpcError } from "@decorum/rpc";
import { Fleet } from "../fleet.ts";
import type { Waiting } from "../waiting.ts";

/** A process that is not there: it has a name, and notes that it was let go. */
export interface FakeClient {
  readonly name: string;
  closed: boolean;
  close(): void;
}

/** A failure that may pass. */
export function away(details = "away"): RpcError {
  return new RpcError({ code: "UNAVAILABLE", details }, { method: "Work", address: "fake" });
}

/** A fleet behind the name "all:1", whose members a test sets in `present`. */
export function fakeFleet(...present: string[]) {
  const said: string[] = [];
  const stop = new AbortController();
  const cancel = new AbortController();
  const waiting: Waiting = {
    stop: stop.signal,
    cancel: cancel.signal,
    say: (message) => void said.push(message),
    backoff: { firstMs: 1, longestMs: 5 },
  };
  const clients: FakeClient[] = [];
  const fleet = new Fleet<FakeClient>({
    peer: "policy",
    addresses: ["all:1"],
    connect(name) {
      const client = { name, closed: false, close: () => void (client.closed = true) };
      clients.push(client);
      return client;
    },
    lookup: () => Promise.resolve([...present]),
    refreshMs: 1,
  });
  return { fleet, present, clients, said, stop, cancel, waiting };
}
