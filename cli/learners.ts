import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Learners } from "@decorum/fleet";
import type { OpenRunner } from "@decorum/learning";
import { baseModelHash } from "@decorum/models";
import { arithmeticOf } from "@decorum/runtime";
import { VERSION } from "@decorum/service";
import { createMetrics } from "@decorum/telemetry";
import { certificateFiles } from "./certificates/files.ts";
import { connection } from "./connection.ts";
import { flag, names, text } from "./flags.ts";

/** Options of a command whose runs learners may compute. */
export const learnerFlags = {
  learners: flag(
    "--learners <addresses>",
    "addresses of learners that compute, with commas between them; the result is the same (default: none)",
    names.optional(),
  ),
  learnersTls: flag(
    "--learners-tls <folder>",
    "call them as the trainer, with the certificates that `decorum certs` made there",
    text.optional(),
  ),
} as const;

/** Learners have this long for one run of a graph. */
const DEADLINE_MS = 600_000;

/** Where a session's graphs run, as an option of it; none where the command was given no learners. */
export function learnersOf(
  { learners, learnersTls, out }: {
    readonly learners?: readonly string[] | undefined;
    readonly learnersTls?: string | undefined;
    readonly out: string;
  },
  model: string,
): { readonly openRunner?: OpenRunner } {
  if (learners === undefined) return {};
  const own = learnersTls === undefined ? undefined : certificateFiles(learnersTls, "trainer");
  const security = connection(
    own ? { tlsCa: own.ca, tlsCert: own.cert, tlsKey: own.key } : {},
  );
  // The same when the run is resumed: its learners are its own still.
  const run = createHash("sha256").update(`${hostname()}:${resolve(out)}`).digest("hex");
  const never = new AbortController().signal;
  return {
    openRunner: async (graphs, runtime) =>
      await Learners.open(graphs, {
        ...{ addresses: learners, security, runId: run.slice(0, 16) },
        metrics: createMetrics({ service: "trainer", version: VERSION }),
        baseModelHash: await baseModelHash(model),
        arithmetic: await arithmeticOf(runtime),
        ...{ allowDifferent: false, deadlineMs: DEADLINE_MS },
        waiting: { stop: never, cancel: never, say: (message) => console.error(message) },
      }),
  };
}
