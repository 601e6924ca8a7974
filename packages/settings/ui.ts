import { z } from "zod";
import { callFields, serverSecurity } from "./security.ts";
import { address, name } from "./service.ts";

/** Names under which a page is reached. */
export const pageNames = z.array(
  z.string().regex(/^[a-z0-9.-]{1,253}$/, "expected the name of a host in lower case"),
).default([]).describe(
  "Names under which the page of runs is opened, besides localhost and IP addresses. Requests with other names are refused.",
);

/** The section `ui`: the page of runs as a process of its own. */
export const uiSection = z.strictObject({
  listen: address.default("127.0.0.1:8080").meta({
    description:
      "Address of the page; port 0 takes a free one. On loopback everybody may read it. Elsewhere it needs tls and a token.",
    kind: "listen",
  }),
  names: pageNames,
  runs: name.nullable().default("runs").meta({
    description: "Folder of runs to show, which is only read. null: the runs of `trainer`.",
    kind: "readable",
  }),
  trainer: address.nullable().default(null).meta({
    description:
      "Address of the trainer that pauses, resumes, checkpoints and stops runs when it is asked to. null: the page changes nothing.",
    kind: "service",
    service: "trainer",
  }),
  ...serverSecurity,
  ...callFields,
}).refine(({ runs, trainer }) => runs !== null || trainer !== null, {
  error: "expected runs or trainer: one of the two has to be named",
}).prefault({}).describe("The page of runs, which `decorum ui` serves.");

export type UiConfig = z.infer<typeof uiSection>;
